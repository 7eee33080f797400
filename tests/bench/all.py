"""Runs every bench and writes docs/benchmarks.md.

python tests/bench/all.py [NAME ...]     (all that need no GPU, or only these sections again)
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

Written by `python tests/bench/all.py`. Nothing was measured on a GPU. The labelled clips (`../shared/clips`) are not in the repository.
"""
SECTIONS = {
    "outcomes": ("Every labelled clip through `watch --once`", ["outcomes.py"]),
    "diagnosis": ("Diagnosis: labels and speed", ["diagnosis.py"]),
    "repair": ("Repair of clips with a known truth", ["repair.py"]),
    "cost": ("Cost of `deband` beside the article's bare command", ["cost.py"]),
    "restore": ("Frames left out and made again", ["restore.py"]),
    "memory": ("Peak memory, short and ten times longer", ["memory.py"]),
    "large": ("Peak memory at 4K", ["large.py"]),
    "contract": ("What comes back: inputs, routes and profiles", ["contract.py"]),
    "page": ("The page with 5,000 jobs", ["page.py"]),
    "kills": ("50 kill -9 over 20 clips", ["kills.py", "--kills", "50", "--clips", "20"]),
    "smooth_gpu": ("Smoothing on a GPU", ["smooth_gpu.py"]),
    "regeneration": ("Rendering again at the real models' size", ["regeneration.py"]),
}
ON_A_GPU = {"regeneration", "smooth_gpu"}
"""Run by name only."""


def main() -> None:
    done = sections()
    for name in sys.argv[1:] or [each for each in SECTIONS if each not in ON_A_GPU]:
        title, (script, *options) = SECTIONS[name]
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            output = Path(temporary) / "section.md"
            subprocess.run([sys.executable, str(BENCH / script), *options, "--out", str(output)], check=True)
            command = f"`python tests/bench/{' '.join([script, *options])}`"
            done[title] = f"{command}, {datetime.date.today().isoformat()}, {machine()}.\n\n{output.read_text().strip()}\n"
        ordered = [f"## {title}\n\n{done[title]}" for title, _ in SECTIONS.values() if title in done]
        PAGE.write_text("\n".join([INTRODUCTION, *ordered]))


def sections() -> dict[str, str]:
    """What the page holds by now, by title."""
    text = PAGE.read_text() if PAGE.exists() else ""
    parts = [part.split("\n\n", 1) for part in text.split("\n## ")[1:]]
    return {title: body.rstrip() + "\n" for title, body in parts}


def machine() -> str:
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"OpenCV {version('opencv-python-headless')}, PyAV {version('av')}"
    )


if __name__ == "__main__":
    main()
