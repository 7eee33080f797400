"""Runs every bench and writes docs/benchmarks.md.

python tests/bench/all.py [NAME ...]     (all, or only these sections again)
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parents[1]
SECTIONS = {
    "outcomes": ("Every labelled clip through `watch --once`", ["outcomes.py"]),
    "diagnosis": ("Diagnosis: labels and speed", ["diagnosis.py"]),
    "repair": ("Repair of clips with a known truth", ["repair.py"]),
    "memory": ("Peak memory, short and ten times longer", ["memory.py"]),
    "kills": ("50 kill -9 over 20 clips", ["kills.py", "--kills", "50", "--clips", "20"]),
}


def main() -> None:
    wanted = sys.argv[1:] or list(SECTIONS)
    parts = BENCH / "results"
    parts.mkdir(exist_ok=True)
    for name in wanted:
        _, (script, *options) = SECTIONS[name]
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, str(BENCH / script), *options, "--out", str(parts / f"{name}.md")], check=True)
        stamp = f"Measured {datetime.date.today().isoformat()} on {machine()}.\n\n"
        (parts / f"{name}.md").write_text(stamp + (parts / f"{name}.md").read_text())
    text = [
        "# Benchmarks",
        "",
        "Written by `python tests/bench/all.py`. Not measured on a GPU. The clips of `../shared/clips` are not in the repository.",
        "",
    ]
    for name, (title, (script, *options)) in SECTIONS.items():
        part = parts / f"{name}.md"
        if part.exists():
            text += [f"## {title}", "", f"`python tests/bench/{' '.join([script, *options])}`. {part.read_text()}"]
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(text).rstrip() + "\n")


def machine() -> str:
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"OpenCV {version('opencv-python-headless')}, PyAV {version('av')}"
    )


if __name__ == "__main__":
    main()
