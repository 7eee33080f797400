"""The whole contract: every input by every route to every profile. Writes docs/contract.md, and what it took.

python tests/bench/contract.py [--out FILE.md] [--resume FILE.jsonl] [--pairwise] [--only WORD ...] [--failures FILE.md]
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS / "contract")]  # in the processes that walk too

import json  # noqa: E402

import cells  # noqa: E402
import crew  # noqa: E402
import page  # noqa: E402
from cells import Cell  # noqa: E402
from terms import Breach  # noqa: E402
from walking import Found  # noqa: E402

from deshimmer.config.profiles import Profile  # noqa: E402
from deshimmer.processors.records import Route  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--resume", type=Path, help="keeps what was found, and goes on from there")
    parser.add_argument("--only", nargs="+", help="cells with one of these words in their names; the page is left as it is")
    parser.add_argument("--pairwise", action="store_true", help="the cells that the tests walk")
    parser.add_argument("--failures", type=Path, help="a list of what no table allows")
    arguments = parser.parse_args()
    everything = cells.matrix(page.PROFILES)
    chosen = cells.covering(everything) if arguments.pairwise else everything
    wanted = [cell for cell in chosen if not arguments.only or any(word in str(cell) for word in arguments.only)]
    started = time.monotonic()
    found = walk(wanted, arguments.resume)
    text = report(found, time.monotonic() - started)
    print(text)
    if arguments.failures:
        arguments.failures.write_text("\n".join(failures(found)) + "\n")
    if not arguments.only:
        words = f"Walked on {datetime.date.today().isoformat()}: {counted(found)} (untouched: of route `keep`; broken: no table allows it)."
        page.PAGE.write_text(page.render(found, words), encoding="utf-8")
    if arguments.out:
        arguments.out.write_text(text + "\n")


def walk(wanted: list[Cell], resume: Path | None) -> list[Found]:
    done = {each.cell: each for each in map(_loaded, resume.read_text().splitlines())} if resume and resume.exists() else {}
    left = [cell for cell in wanted if cell not in done]
    with tempfile.TemporaryDirectory() as temporary, crew.crew(Path(temporary), left) as futures:
        for number, (cell, future) in enumerate(futures.items(), 1):
            done[cell] = future.result()
            print(f"{number}/{len(left)} {cell}: {done[cell].status} {done[cell].seconds} s", file=sys.stderr, flush=True)
            if resume:
                with resume.open("a") as file:
                    file.write(_dumped(done[cell]) + "\n")
    return [done[cell] for cell in wanted]


def counted(found: list[Found]) -> str:
    kinds = Counter(each.status if each.status in ("kept", "refused", "untouched", "broken") else "with a named loss" for each in found)
    kinds["broken"] = sum(bool(each.breaches) for each in found)
    return f"{len(found)} cells: {', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}"


def report(found: list[Found], seconds: float) -> str:
    total = sum(each.seconds for each in found)
    return f"{counted(found)}. {seconds:.0f} s with {crew.PROCESSES} processes, {total / len(found):.2f} s a cell (docs/contract.md)."


def failures(found: list[Found]) -> list[str]:
    """One line for each input, term and what came, with the routes and profiles."""
    lines: dict[tuple[str, Breach], list[Cell]] = {}
    for each in found:
        for breach in each.breaches:
            lines.setdefault((each.cell.input, breach), []).append(each.cell)
    return [
        f"- `{name}` | {breach.term} | expected {breach.expected[:200]} | got {breach.got[:300]} | "
        + ", ".join(f"{cell.route}/{cell.profile}" for cell in where)
        for (name, breach), where in lines.items()
    ]


def _dumped(found: Found) -> str:
    return json.dumps([found.cell, found.status, found.reason, found.breaches, found.seconds])


def _loaded(line: str) -> Found:
    (name, route, profile), status, reason, breaches, seconds = json.loads(line)
    return Found(Cell(name, Route(route), Profile(profile)), status, reason, tuple(Breach(*each) for each in breaches), seconds)


if __name__ == "__main__":
    main()
