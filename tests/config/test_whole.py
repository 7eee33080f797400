"""Writing by rename: the mode holds, and a failure leaves nothing."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from deshimmer.config import whole


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_a_private_file_is_private_though_a_dead_writer_left_an_open_one(tmp_path: Path) -> None:
    left = tmp_path / "api.json.part"
    left.write_text("half")
    left.chmod(0o644)
    whole.write(tmp_path / "api.json", b"token", 0o600)
    assert (tmp_path / "api.json").read_bytes() == b"token"
    assert stat.S_IMODE((tmp_path / "api.json").stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["api.json"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        whole.write(tmp_path / "taken", b"text")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
