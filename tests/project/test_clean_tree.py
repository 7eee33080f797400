"""What is committed names no machine and holds no clip."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEDIA = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".ts", ".mts", ".mxf", ".gif", ".webp", ".mpg"}


def tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listing.split("\0") if name]


def test_no_clip_is_committed() -> None:
    assert [name for name in tracked() if Path(name).suffix.lower() in MEDIA] == []


def test_the_repository_stays_small() -> None:
    size = sum((ROOT / name).stat().st_size for name in tracked() if (ROOT / name).exists())
    assert size < 20_000_000
