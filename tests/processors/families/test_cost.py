"""What rendering a clip again would take, beside what model cards tell."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from deshimmer.config.settings import Settings
from deshimmer.processors.families import cost, devices, ladder, table
from deshimmer.processors.families.devices import Device
from deshimmer.processors.families.family import Family, Kind
from deshimmer.processors.prompts.stored import Source, StoredPrompt

GB = 10**9
H100 = Device("cuda", "NVIDIA H100 80GB HBM3", 80 * GB, devices.known_tflops("NVIDIA H100 80GB HBM3"))
RTX_4090 = Device("cuda", "NVIDIA GeForce RTX 4090", 24 * GB, devices.known_tflops("NVIDIA GeForce RTX 4090"))
PROMPT = StoredPrompt(Source.DESHIMMER, prompt="a horse", num_inference_steps=50)


@pytest.fixture(autouse=True)
def _main_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder.psutil, "virtual_memory", lambda: SimpleNamespace(available=128 * GB, total=128 * GB))


def known(name: str) -> Family:
    family = table.family_of(name, None)
    assert family is not None
    return family


@pytest.mark.parametrize(
    ("model", "device", "minutes"),
    [("THUDM/CogVideoX-5b", H100, 1.5), ("Wan-AI/Wan2.1-T2V-1.3B", RTX_4090, 4.0)],
)
def test_published_times_are_met_within_a_factor_of_two(model: str, device: Device, minutes: float) -> None:
    """The model cards': 50 steps of CogVideoX-5B take 90 s on an H100, of Wan 2.1 1.3B about 4 minutes on a 4090."""
    found = cost.estimate(known(model), Kind.TEXT, PROMPT, Settings(), device)
    assert found.minutes is not None
    assert minutes / 2 < found.minutes < minutes * 2
    assert found.fits
    assert found.device == device.name


def test_video_to_video_runs_a_part_of_the_steps() -> None:
    family = known("THUDM/CogVideoX-5b")
    text, video = (cost.estimate(family, kind, PROMPT, Settings(), H100).minutes for kind in (Kind.TEXT, Kind.VIDEO))
    assert text is not None
    assert video is not None
    assert family.strength is not None
    assert video < text * (family.strength + 0.2)


def test_more_frames_steps_and_pixels_take_longer() -> None:
    def minutes(**changes: int) -> float:
        found = cost.estimate(known("Wan-AI/Wan2.1-T2V-14B"), Kind.TEXT, replace(PROMPT, **changes), Settings(), H100).minutes
        assert found is not None
        return found

    assert minutes(num_frames=33) < minutes(num_frames=81)
    assert minutes(num_inference_steps=20) < minutes()
    assert minutes(width=832, height=480) < minutes(width=1280, height=720)


def test_too_little_memory_is_told_and_an_unknown_device_has_no_minutes() -> None:
    found = cost.estimate(known("genmo/mochi-1-preview"), Kind.TEXT, PROMPT, Settings(), Device("cuda", "a GPU", GB, None))
    assert (found.fits, found.minutes) == (False, None)
    assert found.remedy is not None
    assert "1.0 GB are free there" in found.remedy
    assert found.memory_gb > 1


@pytest.mark.parametrize(("total", "helps"), [(None, True), (24 * GB, True), (4 * GB, False)], ids=["unknown", "enough", "too little"])
def test_closing_programs_is_advised_only_where_it_helps(total: int | None, helps: bool) -> None:
    """Mochi takes some 16 GB in the way that takes least."""
    busy = Device("cuda", "a GPU", GB, None, total)
    remedy = cost.estimate(known("genmo/mochi-1-preview"), Kind.TEXT, PROMPT, Settings(), busy).remedy
    assert remedy is not None
    assert ("Close other programs" in remedy, "has not so much in all" in remedy) == (helps, not helps)


def test_gpus_are_known_by_name_and_others_counted() -> None:
    assert devices.known_tflops("NVIDIA H200") == 989
    assert devices.known_tflops("NVIDIA GeForce RTX 4090 Laptop GPU") == pytest.approx(0.6 * 165)
    assert devices.known_tflops("Radeon Pro") is None
    like_a_3090 = SimpleNamespace(major=8, multi_processor_count=82, clock_rate=1.7e6)
    assert devices.computed_tflops(like_a_3090) == pytest.approx(71, rel=0.1)


def test_the_device_here_has_memory_and_a_speed() -> None:
    here = devices.here()
    assert here.kind in ("cpu", "cuda", "mps")
    assert here.free_bytes > 0
    assert here.tflops is None or here.tflops > 0.001
