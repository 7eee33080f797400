"""The icon: every mood has a shape of its own at every size, on panels of either kind."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from deshimmer.tray.icon import Theme, draw
from deshimmer.tray.look import STEPS, Mood, Picture

SIZES_PX = (16, 22, 24, 32, 48, 64)
PICTURES = [*(Picture(mood) for mood in Mood), Picture(Mood.WORKING, STEPS // 2), Picture(Mood.PAUSED, badge=True)]


def alpha(picture: Picture, size_px: int, theme: Theme = Theme.TEMPLATE) -> np.ndarray:
    return np.asarray(draw(picture, size_px, theme).getchannel("A"), float) / 255


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_moods_differ_without_colour(size_px: int) -> None:
    """Two moods differ in at least a twentieth of the icon's area, in the template, which is black and alpha only."""
    for one, other in combinations([picture for picture in PICTURES if picture.step is None], 2):
        assert np.abs(alpha(one, size_px) - alpha(other, size_px)).mean() > 0.05, (one, other)


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_the_icon_fills_its_square_and_no_corner(size_px: int) -> None:
    for picture in PICTURES:
        drawn = alpha(picture, size_px)
        assert drawn.shape == (size_px, size_px)
        rows, columns = np.nonzero(drawn > 0.3)
        assert rows.max() - rows.min() + 1 >= 0.8 * size_px, picture
        assert columns.max() - columns.min() + 1 >= 0.8 * size_px, picture
        assert drawn[0, 0] == 0


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_the_ring_fills_clockwise(size_px: int) -> None:
    """Of the ring's opaque part, a quarter done lies in the right upper quarter, and the amount grows with the part."""
    drawn = [alpha(Picture(Mood.WORKING, step), size_px) - alpha(Picture(Mood.WORKING, 0), size_px) for step in (8, 16, 24, 32)]
    half = size_px // 2
    assert drawn[0][: half + 1, half - 1 :].sum() > 0.95 * drawn[0].sum()
    sums = [float(each.sum()) for each in drawn]
    assert sums == sorted(sums)
    assert sums[3] / sums[0] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(("theme", "panel"), [(Theme.DARK, 0x20), (Theme.LIGHT, 0xF3)])
def test_the_icon_stands_out_from_its_panel(theme: Theme, panel: int) -> None:
    """At 22 px at least a tenth of the pixels differ from the panel by half the range of luma or more."""
    for picture in PICTURES:
        image = draw(picture, 22, theme)
        luma, cover = np.asarray(image.convert("L"), float), np.asarray(image.getchannel("A"), float) / 255
        seen = luma * cover + panel * (1 - cover)
        wanted = 0.04 if picture.mood is Mood.WORKING else 0.1
        assert (np.abs(seen - panel) > 80).mean() > wanted, picture


def test_a_template_has_no_colour() -> None:
    for picture in PICTURES:
        assert not np.asarray(draw(picture, 32, Theme.TEMPLATE))[..., :3].any()
