"""Pictures in torch are what OpenCV makes of them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from clipmaker import pan
from numpy.typing import NDArray

from deshimmer.processors.flow import warp

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")

SIZE = (171, 96)
REPEAT = cv2.BORDER_REPLICATE
Plane = NDArray[np.float32]


@pytest.fixture(scope="module")
def picture() -> Plane:
    return np.ascontiguousarray(pan(1, SIZE, "coffee")[0][..., 1])


@pytest.fixture(scope="module")
def way() -> NDArray[np.float32]:
    """Far beyond the borders, too."""
    return np.random.default_rng(1).normal(0, 20, (*SIZE[::-1], 2)).astype(np.float32)


def tensor(plane: Plane):
    return torch.from_numpy(plane)


def images():
    from deshimmer.processors.bands_on_gpu import images

    return images


LINEAR: dict[str, tuple[Callable[[Plane], Plane], Callable[..., object]]] = {
    "shrunk": (lambda p: cv2.resize(p, (64, 40), interpolation=cv2.INTER_AREA), lambda x: images().shrunk(x, (40, 64))),
    "a third": (lambda p: cv2.resize(p, (57, 32), interpolation=cv2.INTER_AREA), lambda x: images().shrunk(x, (32, 57))),
    "larger": (lambda p: cv2.resize(p, (427, 240), interpolation=cv2.INTER_LINEAR), lambda x: images().resized(x, (240, 427))),
    "smaller": (lambda p: cv2.resize(p, (100, 55), interpolation=cv2.INTER_LINEAR), lambda x: images().resized(x, (55, 100))),
    "gaussian": (lambda p: cv2.GaussianBlur(p, (0, 0), 2.7, borderType=REPEAT), lambda x: images().gaussian(x, 2.7)),
    "softened": (lambda p: cv2.GaussianBlur(p, (0, 0), 0.8, borderType=REPEAT), lambda x: images().softened(x[None], 0.8)[0]),
    "box": (lambda p: cv2.blur(p, (9, 9)), lambda x: images().boxed(x, 9)),
    "box with repeated borders": (lambda p: cv2.blur(p, (17, 17), borderType=REPEAT), lambda x: images().boxed(x, 17, REPEAT)),
    "laplacian": (lambda p: cv2.Laplacian(p, cv2.CV_32F, borderType=REPEAT), lambda x: images().laplacian(x[None, None])[0, 0]),
}


@pytest.mark.parametrize("name", LINEAR)
def test_filters_and_their_borders(picture: Plane, name: str):
    theirs, ours = LINEAR[name]
    assert np.abs(theirs(picture) - np.asarray(ours(tensor(picture)))).max() < 2e-3


def test_carried_along_motion(picture: Plane, way: NDArray[np.float32]):
    ours = images().carried(tensor(picture)[None, None], tensor(way).permute(2, 0, 1)[None])[0, 0]
    assert np.abs(np.asarray(ours) - warp(picture, way)).max() < 0.05


def test_carried_finely_with_and_without_a_bicubic_sampler(picture: Plane, way: NDArray[np.float32]):
    y, x = (torch.from_numpy(axis.astype(np.float32)) for axis in np.mgrid[: SIZE[1], : SIZE[0]])
    x, y = x + tensor(way)[..., 0], y + tensor(way)[..., 1]
    theirs = warp(picture, way, interpolation=cv2.INTER_CUBIC)
    pictures = tensor(picture).expand(2, 2, -1, -1)
    x, y = x.expand(2, -1, -1), y.expand(2, -1, -1)
    assert np.abs(np.asarray(images().sampled_finely(pictures, x, y)) - theirs).max() < 0.05
    inside_x, inside_y = x.clamp(1, SIZE[0] - 3), y.clamp(1, SIZE[1] - 3)
    sampled = images().sampled_finely(pictures, inside_x, inside_y)
    assert (images().cubic(pictures, inside_x, inside_y) - sampled).abs().max() < 0.01


def test_rows_of_a_field_are_rows_of_the_enlarged_field(picture: Plane):
    whole = images().resized(tensor(picture), (240, 427))
    part = images().rows_of(tensor(picture)[None, None], (240, 427), slice(100, 130))[0, 0]
    assert (whole[100:130] - part).abs().max() < 0.01
