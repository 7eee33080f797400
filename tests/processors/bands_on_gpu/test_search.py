"""Flow in torch beside OpenCV's: it finds what moved, and as well."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from clipmaker import detail_flicker, exposure_flicker, pan, patch_flicker
from numpy.typing import NDArray

from deshimmer.processors.flow import flow, guide, warp

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")


def guides(shots: list[NDArray[np.float32]]) -> list[NDArray[np.uint8]]:
    return [guide(np.clip(shot[..., 1], 0, 255).astype(np.uint8), 360) for shot in shots]


def found(pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> list[NDArray[np.float32]]:
    """As ``flow.flow`` of (there, here)."""
    from deshimmer.processors.bands_on_gpu import search

    here, there = (torch.from_numpy(np.stack([pair[side] for pair in pairs])).float()[:, None] for side in (1, 0))
    with torch.inference_mode():
        return list(search.flows(here, there).permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize(("size", "step_px"), [((192, 128), 3.0), ((161, 91), 1.3), ((320, 180), 12.0)])
def test_a_pan_is_found_as_well_as_by_opencv(size: tuple[int, int], step_px: float):
    first, second = guides(pan(2, size, "astronaut", step_px))
    y, x = np.mgrid[: size[1], : size[0]]
    truth = np.dstack([(x + step_px + 10) / 1.002 - 10 - x, (y + 0.3 * step_px + 10) / 1.002 - 10 - y])  # the pan's zoom

    def error(way: NDArray[np.float32]) -> float:
        return float(np.abs(way - truth)[16:-16, 16:-16].mean())

    (way,) = found([(first, second)])
    assert error(way) < error(flow(first, second, preset=cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)) + 0.03
    assert error(way) < 0.3


def test_frames_that_flicker_are_carried_as_truly_as_by_opencv():
    truth = pan(4, (256, 160), "astronaut", 2.5)
    shots = guides(detail_flicker(patch_flicker(exposure_flicker(truth)), 5))
    pairs = [(shots[0], shots[1]), (shots[3], shots[0])]
    theirs = [flow(there, here, preset=cv2.DISOPTICAL_FLOW_PRESET_MEDIUM) for there, here in pairs]

    def error(ways: list[NDArray[np.float32]]) -> float:
        places = ((0, 1), (3, 0))
        return float(
            np.mean([np.abs(warp(truth[there], way) - truth[here]).mean() for way, (there, here) in zip(ways, places, strict=True)])
        )

    assert error(found(pairs)) < 1.15 * error(theirs)


def test_many_at_once_are_as_one_by_one():
    first, second, third = guides(pan(3, (128, 96), "chelsea", 2.0))
    together = found([(first, second), (second, third)])
    for one, other in zip(together, [*found([(first, second)]), *found([(second, third)])], strict=True):
        assert np.abs(one - other).max() < 0.01


@pytest.mark.parametrize("shape", [(9, 40), (31, 31), (1, 1)])
def test_small_pictures_have_flow_as_well(shape: tuple[int, int]):
    (way,) = found([(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))])
    assert way.shape == (*shape, 2)
    assert np.abs(way).max() < 0.01
