"""Motion found in shrunk pictures and in parts makes nearly the same picture as motion found whole."""

from __future__ import annotations

import numpy as np
import pytest
from clipmaker import pan

from deshimmer.processors.interpolators import rife
from deshimmer.processors.interpolators.thrift import Way

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.mark.parametrize(("size", "way"), [((320, 256), Way(1, (2, 2))), ((321, 255), Way(2)), ((320, 256), Way(2, (2, 1)))])
def test_cheaper_ways_restore_a_pan(size: tuple[int, int], way: Way) -> None:
    network = rife.load("cpu")
    first, truth, second = (np.rint(shot).astype(np.uint8) for shot in pan(3, size, "astronaut", step_px=4.0))
    pictures = [network.picture(shot, (shot[..., 1], shot[::2, ::2, 1])) for shot in (first, second)]
    made = network.between(*pictures, 0.5, way).planes
    for found, plane in zip(made, (np.s_[..., 1], np.s_[::2, ::2, 1]), strict=True):
        before, between, after = (np.asarray(shot[plane], np.float32) for shot in (first, truth, second))
        assert found.shape == between.shape
        error, averaged = (float(np.abs(each - between)[8:-8, 8:-8].mean()) for each in (found, (before + after) / 2))
        assert error < averaged / 2.5


def test_a_picture_made_on_the_cpu_of_another_device_s_pictures_is_the_same() -> None:
    other = rife.Rife(rife.load("cpu")._network, "meta")  # a device that holds no values: only what goes to the CPU can be computed
    shots = [np.rint(shot).astype(np.uint8) for shot in pan(2, (128, 96))]
    way = Way(on_cpu=True)
    made = other.between(*(other.picture(shot, (shot[..., 1],), way) for shot in shots), 0.5, way).planes[0]
    network = rife.load("cpu")
    whole = network.between(*(network.picture(shot, (shot[..., 1],)) for shot in shots)).planes[0]
    assert np.abs(made - whole).max() < 0.01


def test_the_share_that_is_double_tells_motion_that_cannot_be_followed() -> None:
    network = rife.load("cpu")

    def doubled(*shots: np.ndarray) -> float:
        return network.between(*(network.picture(np.rint(shot).astype(np.uint8), ()) for shot in shots)).doubled

    first, near = pan(2, (256, 160), "astronaut", 4.0)
    other = pan(1, (256, 160), "coffee")[0]
    assert doubled(first, near) < 0.02
    assert doubled(first, other) > 0.2
    assert doubled(first, first * 0.8) < 0.02  # light, not motion
