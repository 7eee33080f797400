"""Kills at random moments: ``python tests/bench/kills.py [--kills 50] [--clips 20] [--out FILE.md]``.

Small clips of every kind lie in a hot folder; ``deshimmer watch DIR --once`` works them off and is killed again and again (the
daemon, its worker, or both, with SIGKILL). At the end every clip must have one receipt and one result, and nothing else may
be left: no half file, no work folder, no process. Where the clips are done before the kills are, more clips are dropped.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from clipmaker import Picture, detail_flicker, exposure_flicker, pan, patch_flicker, ramp, write
from killing import BOTH, DAEMON, WORKER, Tally, kill_while_it_works, open_field, watch_command

_KINDS = ("clean", "exposure", "patches", "hue", "detail", "ramp")


def make(kind: str, seed: int, size: tuple[int, int] = (256, 144), frames: int = 24) -> Sequence[Picture]:
    shots = pan(frames, size, step_px=0.5 + 0.1 * (seed % 5))
    match kind:
        case "exposure":
            return exposure_flicker(shots, seed=seed)
        case "patches":
            return patch_flicker(shots, seed=seed)
        case "hue":
            return patch_flicker(shots, seed=seed, hue=True)
        case "detail":
            return detail_flicker(shots, seed=seed)
        case "ramp":
            return ramp(frames, size, high=60 + seed)
        case _:
            return shots


def table(tally: Tally) -> str:
    kills = ", ".join(f"{kind} {tally.kills[kind]}" for kind in (DAEMON, WORKER, BOTH))
    outcomes = ", ".join(f"{outcome} {number}" for outcome, number in sorted(tally.outcomes.items()))
    rows = [
        ("kills", f"{sum(tally.kills.values())} ({kills})"),
        ("clips", str(tally.clips)),
        ("starts of the daemon", str(tally.starts)),
        ("lost", str(len(tally.lost))),
        ("doubled", str(len(tally.doubled))),
        ("partial files", str(len(tally.partial))),
        ("orphans", str(tally.orphans)),
        ("outcomes", outcomes),
        ("from the kill to the end of all that was started", _seconds(tally.to_death_s)),
        ("in all", f"{tally.seconds:.0f} s"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _seconds(values: list[float]) -> str:
    return f"median {statistics.median(values):.2f} s, longest {max(values):.2f} s" if values else "-"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least-s", type=float, default=0.5, help="shortest time between two kills")
    parser.add_argument("--most-s", type=float, default=6.0, help="longest time between two kills")
    parser.add_argument("--out", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hot = Path(folder) / "hot"
        hot.mkdir()

        def drop(start: int) -> None:
            for number in range(start, start + arguments.clips):
                kind = _KINDS[number % len(_KINDS)]
                write(hot / f"{number:03d}-{kind}.mp4", make(kind, number))

        drop(0)
        with open_field(Path(folder) / "home", hot, watch_command(hot)) as field:
            tally = kill_while_it_works(
                field,
                arguments.kills,
                wait_s=(arguments.least_s, arguments.most_s),
                seed=arguments.seed,
                limit_s=3600,
                drop_more=lambda round_: drop(round_ * arguments.clips),
            )
    text = table(tally)
    print(text)
    for name, paths in (("lost", tally.lost), ("doubled", tally.doubled), ("partial", tally.partial)):
        for path in paths:
            print(f"{name}: {path}", file=sys.stderr)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    return 0 if tally.is_clean() else 1


if __name__ == "__main__":
    sys.exit(main())
