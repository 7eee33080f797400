"""Flow finds a known shift, in spite of flicker, and the warp undoes it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from clipmaker import pan, patch_flicker, photograph

from deshimmer.processors import flow as fl

SHIFT_PX = 4


def _gray(picture: np.ndarray) -> np.ndarray:
    return picture.mean(2)


def _pair() -> tuple[np.ndarray, np.ndarray]:
    gray = _gray(photograph("chelsea"))
    return gray[20:220, 20:320], gray[20:220, 20 + SHIFT_PX : 320 + SHIFT_PX]


def test_flow_says_where_a_pixel_was() -> None:
    previous, current = _pair()
    found = fl.flow(previous.astype(np.uint8), current.astype(np.uint8))
    inside = found[20:-20, 20:-20]
    assert found.shape == (200, 300, 2)
    assert found.dtype == np.float32
    assert np.median(inside[..., 0]) == pytest.approx(SHIFT_PX, abs=0.2)
    assert np.median(inside[..., 1]) == pytest.approx(0, abs=0.2)


def test_warp_carries_the_previous_frame_onto_the_current() -> None:
    previous, current = _pair()
    found = fl.flow(previous.astype(np.uint8), current.astype(np.uint8))
    carried = fl.warp(previous.astype(np.float32), found)
    assert np.abs(carried - current)[20:-20, 20:-20].mean() < 0.2 * np.abs(previous - current)[20:-20, 20:-20].mean()


def test_warp_keeps_channels() -> None:
    image = np.random.default_rng(0).random((24, 40, 3)).astype(np.float32)
    assert np.array_equal(fl.warp(image, np.zeros((24, 40, 2), np.float32)), image)
    assert fl.warp(image[..., :1], np.zeros((24, 40, 2), np.float32)).shape == (24, 40, 1)


def test_guide_hides_flicker_from_the_flow() -> None:
    shots = pan(2, (300, 200), step_px=SHIFT_PX)
    clean = [_gray(shot).astype(np.uint8) for shot in shots]
    uneven = [_gray(shot).astype(np.uint8) for shot in patch_flicker(shots, 20)]
    truth = fl.flow(clean[0], clean[1])
    plain = np.abs(fl.flow(*uneven) - truth)[20:-20, 20:-20].mean()
    guided = np.abs(fl.flow(*(fl.guide(luma, 200) for luma in uneven)) - truth)[20:-20, 20:-20].mean()
    assert guided < 0.7
    assert guided < 0.8 * plain


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (8, 8), (16, 16), (9, 400), (300, 3)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    found = fl.flow(fl.guide(picture, 360), fl.guide(picture, 360))
    assert found.shape == (*shape, 2)
    assert np.abs(found).max() < 0.5


@pytest.mark.parametrize(("bits", "height"), [(8, 90), (10, 90), (12, 90), (16, 90), (10, 999)])
def test_guide_of_deep_planes_is_the_guide_of_shallow_ones(bits: int, height: int) -> None:
    shallow = _gray(photograph("chelsea")).astype(np.uint8)
    deep = shallow if bits == 8 else shallow.astype(np.uint16) << (bits - 8)
    made, wanted = fl.guide(deep, height, bit_depth=bits), fl.guide(shallow, height)
    assert made.dtype == np.uint8
    assert made.shape == wanted.shape == (min(height, 300), round(451 * min(height, 300) / 300))
    assert cv2.absdiff(made, wanted).max() <= 4


def test_resized_flow_scales_its_lengths() -> None:
    found = fl.resized(np.full((20, 30, 2), (3, -2), np.float32), 60, 80)
    assert found.shape == (80, 60, 2)
    assert np.allclose(found, (6, -8))


def test_a_tiny_picture_leaves_no_trace_in_later_flow() -> None:
    previous, current = (picture.astype(np.uint8) for picture in _pair())
    before = fl.flow(previous, current)
    tiny = np.random.default_rng(0).integers(0, 255, (16, 16), np.uint8)
    fl.flow(tiny, tiny)
    assert np.array_equal(fl.flow(previous, current), before)


def test_opencv_has_its_threads_again_whoever_is_done_last() -> None:
    usual = cv2.getNumThreads()
    first, second = fl.one_thread(), fl.one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == usual
