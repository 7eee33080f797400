from __future__ import annotations

from pathlib import Path

import pytest

from deshimmer.config import paths


def test_the_default_hot_folder_is_never_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert paths.default_hot_folder() == tmp_path / "deshimmer"
    (tmp_path / "deshimmer").mkdir()
    (tmp_path / "deshimmer" / "dev.py").touch()
    assert paths.default_hot_folder() == tmp_path / "deshimmer-clips"
    (tmp_path / "Videos").mkdir()
    assert paths.default_hot_folder() == tmp_path / "Videos" / "deshimmer"
