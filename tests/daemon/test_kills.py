"""A few of the kills that ``tests/bench/kills.py`` deals out in number."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from clipmaker import pan, write
from killing import kill_while_it_works, open_field, watch_command


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and process environments are POSIX")
def test_kills_lose_and_double_nothing(tmp_path: Path, faulty_road: str) -> None:
    hot = tmp_path / "hot"
    hot.mkdir()
    for number, fault in enumerate(("slow", "ok", "slow")):
        write(hot / f"{fault}-{number}.mp4", pan(3 + number, (64, 48)))
    with open_field(tmp_path / "home", hot, watch_command(hot, faulty_road)) as field:
        tally = kill_while_it_works(field, 3, wait_s=(0.6, 1.2), seed=7, limit_s=60)
    assert sum(tally.kills.values()) == 3
    assert (tally.clips, dict(tally.outcomes)) == (3, {"kept": 3})
    assert tally.is_clean(), tally
