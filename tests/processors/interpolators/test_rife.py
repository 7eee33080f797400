"""RIFE: the network restores frames that were left out, and its absence is an answer."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clipmaker import Picture, pan
from numpy.typing import NDArray

from deshimmer.config.errors import ToolFailed
from deshimmer.processors import media, torch_devices
from deshimmer.processors.interpolators import rife

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")


def psnr(found: NDArray[np.generic], truth: NDArray[np.generic], peak: float = 255) -> float:
    error = float(np.mean((found.astype(np.float64) - truth) ** 2))
    assert np.isfinite(error)
    return 10 * np.log10(peak**2 / max(error, 1e-12))


def middle(first: Picture, second: Picture, moment: float = 0.5) -> Picture:
    return rife.load("cpu").middle(first / 255, second / 255, moment) * 255


def test_a_dropped_frame_of_a_pan_is_restored_far_better_than_by_averaging() -> None:
    first, truth, second = pan(3, (256, 160), step_px=4.0)
    averaged = psnr((first + second) / 2, truth)
    assert psnr(middle(first, second), truth) > averaged + 6


def test_a_plane_that_is_warped_in_parts_is_the_same_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    from deshimmer.processors.interpolators import rife_network

    torch.manual_seed(1)
    image, flow = torch.rand(1, 2, 50, 40), 4 * torch.randn(1, 2, 50, 40)
    whole = rife_network.warp(image, flow)
    monkeypatch.setattr(rife_network, "_WARPED_PIXELS", 40 * 7)
    assert torch.equal(rife_network.warp(image, flow), whole)
    assert float((whole - image).abs().mean()) > 0.1


def test_sizes_that_are_no_multiple_of_64_and_other_moments() -> None:
    frames = pan(5, (151, 97), step_px=2.0)
    for index in (1, 3):
        found = middle(frames[0], frames[4], index / 4)
        assert found.shape == (97, 151, 3)
        assert psnr(found, frames[index]) > psnr(frames[0] + (frames[4] - frames[0]) * index / 4, frames[index]) + 2


def test_subsampled_planes_move_with_the_picture() -> None:
    frames = [np.rint(shot).astype(np.float32) for shot in pan(3, (256, 160), step_px=4.0)]
    chroma = [shot[..., 0].reshape(80, 2, 128, 2).mean((1, 3)) for shot in frames]
    network = rife.load("cpu")
    pictures = [network.picture(shot / 255, (shot[..., 1], small)) for shot, small in zip(frames, chroma, strict=True)]
    full, small = network.between(pictures[0], pictures[2]).planes
    assert (full.shape, small.shape) == ((160, 256), (80, 128))
    assert psnr(small, chroma[1]) > psnr((chroma[0] + chroma[2]) / 2, chroma[1]) + 6


def test_the_network_is_loaded_once_a_process() -> None:
    assert rife.load("cpu") is rife.load("cpu")
    assert torch_devices.best() in ("cuda", "mps", "cpu")


def test_the_shipped_weights_are_those_of_their_provenance() -> None:
    assert hashlib.sha256(rife.WEIGHTS.read_bytes()).hexdigest() in (rife.WEIGHTS.parent / "PROVENANCE.txt").read_text()


def test_values_that_are_no_numbers_are_refused() -> None:
    network = rife.load("cpu")
    picture = network.picture(np.full((64, 64, 3), np.nan, np.float32), ())
    with pytest.raises(ToolFailed, match="no numbers"):
        network.motion(picture, picture)


@pytest.mark.parametrize("missing", ["torch", "safetensors"])
def test_without_the_extra_the_answer_is_how_to_install_it(missing: str) -> None:
    program = f"""
import sys
sys.modules[{missing!r}] = None
from deshimmer.config.errors import NotSetUp
from deshimmer.processors import interpolation
from deshimmer.processors.interpolators import rife
try:
    rife.load()
except NotSetUp as error:
    assert "pip install 'deshimmer[ai]'" in error.message, error.message
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_generated_clip_scores_as_published_weights_do(shared_clips: Path) -> None:
    frames = [
        frame.to_ndarray(format="rgb24").astype(np.float32) for frame in media.frames(media.probe(shared_clips / "ai/cogvideox_1.mp4"))
    ]
    found = [psnr(middle(frames[i - 1], frames[i + 1]), frames[i]) for i in (1, 17, 33)]
    averaged = [psnr((frames[i - 1] + frames[i + 1]) / 2, frames[i]) for i in (1, 17, 33)]
    assert np.mean(found) == pytest.approx(34.1, abs=0.3)
    assert np.mean(found) > np.mean(averaged) + 7
