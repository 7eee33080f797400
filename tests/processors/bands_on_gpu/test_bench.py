"""The bench of smoothing on a GPU walks through on a CPU."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCH)
    spec = importlib.util.spec_from_file_location("bench_of_smoothing", BENCH / "smooth_gpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_every_way_sink_and_stage_is_walked(bench: Any):
    rows = [line for line in bench.section("cpu", (bench.Size(48, 32, 4),)).splitlines() if line.startswith("| 48 x 32")]
    assert [row.split(" | ")[1] for row in rows[:3]] == [str(way) for way in bench.ladder.WAYS]
    assert all(float(cell) > 0 for row in rows[:3] for cell in row.strip("| ").split(" | ")[4:])
    assert rows[4] == "| 48 x 32 | 0.000 | 0.000 |"
