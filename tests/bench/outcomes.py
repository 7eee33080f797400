"""Every labelled clip of ../shared/clips/ai and real through ``deshimmer watch --once``: outcome, verdict and route beside the label.

python tests/bench/outcomes.py [--folders ai real] [--out FILE.md]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "clips"
SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".ts", ".mts", ".mxf", ".gif", ".webp"}
ACCUSED = {"luminance", "generative", "incoherent"}


def watch_once(folder: Path, state: Path, out: Path) -> list[dict[str, object]]:
    """One line of ``--json`` for each render. Standard error goes through, for progress."""
    environment = {**os.environ, **{f"XDG_{name}_HOME": str(state / name.lower()) for name in ("CONFIG", "STATE", "DATA", "CACHE")}}
    environment["XDG_RUNTIME_DIR"] = str(state)
    command = [sys.executable, "-m", "deshimmer.daemon", "watch", str(folder), "--output", str(out), "--once", "--json"]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert result.returncode in (0, 1), result.returncode
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines, "no render ended"
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folders", nargs="+", default=["ai", "real"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path, help="leave the results here, to look at")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        results = arguments.keep or root / "results"
        hot = root / "hot"
        for folder in arguments.folders:
            shutil.copytree(SHARED / folder, hot / folder)
        dropped = sorted(path for path in hot.rglob("*") if path.suffix.lower() in SUFFIXES)
        started = time.monotonic()
        lines = watch_once(hot, root, results)
        seconds = time.monotonic() - started
        text = report(hot, dropped, lines, seconds)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


def report(hot: Path, dropped: list[Path], lines: list[dict[str, object]], seconds: float) -> str:
    labels = {row["file"]: row["flicker"] for row in csv.DictReader((SHARED / "MANIFEST.tsv").open(), delimiter="\t")}
    by_name = {str(Path(str(line["path"])).relative_to(hot)): line for line in lines}
    rows = ["| clip | label | verdict | score | route | outcome | verified |", "|---|---|---|---|---|---|---|"]
    confusion: Counter[tuple[str, bool]] = Counter()
    clean_changed: list[str] = []
    for path in dropped:
        name = str(path.relative_to(hot))
        line = by_name.get(name, {})
        label = labels.get(name, "-")
        verdict, outcome = str(line.get("verdict")), str(line.get("outcome", "MISSING"))
        confusion[label, verdict in ACCUSED] += 1
        if label == "no" and outcome == "repaired":
            clean_changed.append(name)
        before = line.get("before")
        score = f"{before['flicker_score']:.2f}" if isinstance(before, dict) else "-"
        rows.append(f"| {name} | {label} | {verdict} | {score} | {line.get('route')} | {outcome} | {line.get('verified')} |")
    outcomes = Counter(str(line["outcome"]) for line in lines)
    sensitivity = confusion["yes", True] / max(1, confusion["yes", True] + confusion["yes", False])
    specificity = confusion["no", False] / max(1, confusion["no", True] + confusion["no", False])
    head = [
        f"{len(dropped)} clips dropped, {len(by_name)} ended with an outcome ({dict(outcomes)}), {seconds:.0f} s in all.",
        "",
        f"Labelled `yes`: {confusion['yes', True]} accused, {confusion['yes', False]} missed. "
        f"Labelled `no`: {confusion['no', True]} accused, {confusion['no', False]} not. "
        f"Balanced accuracy {(sensitivity + specificity) / 2:.3f}. "
        f"Labelled `unsure`: {confusion['unsure', True]} accused of {confusion['unsure', True] + confusion['unsure', False]}. "
        f"Clean clips changed by the road: {len(clean_changed)} {clean_changed or ''}".rstrip(),
        "",
    ]
    return "\n".join(head + rows)


if __name__ == "__main__":
    main()
