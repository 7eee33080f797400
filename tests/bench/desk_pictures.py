"""Draws docs/tray-xfce.png and docs/tray-x.png anew: the tray's menu on two real panels.

python tests/bench/desk_pictures.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT.parent / "docs"
sys.path.insert(0, str(ROOT / "support"))

from desktops import desktop  # noqa: E402
from recordingdaemon import RecordingDaemon, approval, row, running  # noqa: E402

OFFERS = (("dusk_v2", 12.0), ("neon_v3", 26.0))
PANELS = {"tray-xfce.png": ("statusnotifier", "statusnotifier", 668), "tray-x.png": ("xembed", "xorg", 740)}
"""Panel, backend, and how much of the screen's width is of use."""


@contextmanager
def own_state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for each in ("CONFIG", "STATE", "DATA", "CACHE"):
            os.environ[f"XDG_{each}_HOME"] = str(home / each.lower())
        (home / "run").mkdir(mode=0o700)
        os.environ |= {"XDG_RUNTIME_DIR": str(home / "run"), "HOME": str(home)}
        yield home


def tray(output: Path, panel: str, backend: str, width_px: int) -> None:
    """The menu with the clips that wait for approval opened."""
    with own_state() as home:
        from deshimmer.config import paths

        recorder = RecordingDaemon(paths.state_dir())
        waiting = [
            approval(f"a{place}", f"/r/{name}.mp4", minutes) | {"device": "RTX 4090"} for place, (name, minutes) in enumerate(OFFERS)
        ]
        recorder.status |= {"needs_you": 1, "waiting_for_approval": waiting, "counts": {"queued": 3}, "hot_folders": [{"path": "/r"}]}
        recorder.status |= {"running": [running("r1", "/r/shot_030.mp4", 0.4)]}
        recorder.rows = [row("f1", "/r/crowd.mp4", "failed"), row("d1", "/r/espresso.mp4", "repaired")]
        with recorder.running(), desktop(home, panel) as there:
            time.sleep(2)  # until the panel is there
            process = subprocess.Popen([sys.executable, "-m", "deshimmer.tray", "--backend", backend], env=there.env)
            try:
                wait(lambda: len(there.screen().crop((0, 0, 60, 33)).getcolors(100_000) or ()) > 12)
                time.sleep(2)
                there.click(14, 16, button=3)
                there.do("mousemove", 800, 600)
                time.sleep(2)
                there.do("key", "Down", "Down", "Right")
                time.sleep(2)
                there.screen().crop((0, 0, width_px, 450)).save(output)
            finally:
                process.terminate()
                process.wait(20)


def wait(holds: object) -> None:
    deadline = time.monotonic() + 180
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def main() -> None:
    for name, options in PANELS.items():
        tray(DOCS / name, *options)


if __name__ == "__main__":
    main()
