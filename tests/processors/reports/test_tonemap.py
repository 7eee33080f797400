"""HDR for people: not washed out, in comparison, proxy and report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from deshimmer.config.settings import Settings
from deshimmer.processors import comparison, media
from deshimmer.processors.records import ColorTags
from deshimmer.processors.reports import pictures, proxy, tonemap

PQ = ColorTags("bt2020", "smpte2084", "bt2020nc", "tv")
HLG = replace(PQ, transfer="arib-std-b67")


def _flat(level: int, cb: int = 512, cr: int = 512) -> av.VideoFrame:
    """32x32 pixels of one 10-bit limited-range colour."""
    frame = av.VideoFrame(32, 32, "yuv420p10le")
    for plane, value in zip(media.planes(frame)[:3], (level, cb, cr), strict=True):
        assert plane is not None
        plane[:] = value
    frame.colorspace, frame.color_range = 9, 1
    return frame


def _shown(frame: av.VideoFrame, color: ColorTags) -> NDArray[np.float64]:
    """Red, green, blue, 0-1."""
    return tonemap.mapped(frame, color, (32, 32)).to_ndarray()[16, 16] / 65535


@pytest.mark.parametrize(
    ("color", "level", "expected"),
    [
        (PQ, 64, 0.0),
        (PQ, 64 + round(876 * 0.5081), 0.72),  # 100 nits
        (PQ, 64 + round(876 * 0.7518), 1.0),  # 1000 nits
        (HLG, 64, 0.0),
        (HLG, 64 + round(876 * 0.38), 0.42),  # 26 nits: 18 % gray
        (HLG, 64 + round(876 * 0.75), 0.91),  # 203 nits: paper white
        (HLG, 940, 1.0),
    ],
)
def test_light_lands_where_an_ordinary_display_shows_it(color: ColorTags, level: int, expected: float) -> None:
    shown = _shown(_flat(level), color)
    assert shown == pytest.approx(expected, abs=0.02)
    assert np.ptp(shown) < 0.01


@pytest.mark.parametrize("color", [PQ, HLG])
def test_more_light_is_never_darker(color: ColorTags) -> None:
    shown = [float(_shown(_flat(level), color).mean()) for level in range(64, 941, 12)]
    assert shown == sorted(shown)


def test_saturated_colours_stay_saturated() -> None:
    red, green, blue = _shown(_flat(400, 440, 680), PQ)
    assert red > 0.5
    assert max(green, blue) < 0.6 * red


@pytest.mark.parametrize("name", ["prores_hdr10.mov", "dolbyvision_hdr.MOV"])
def test_proxy_and_comparison_are_ordinary_video(shared_clips: Path, tmp_path: Path, name: str) -> None:
    clip = media.probe(shared_clips / "odd" / name)
    proxy.make(clip.path, tmp_path / "proxy.mp4", Settings(), lambda part: None)
    comparison.make(clip, clip.path, tmp_path / "comparison.mp4", Settings(), lambda part: None)
    plain = ColorTags("bt709", "bt709", "bt709", "tv")
    washed_out = media.first_frame(clip).to_ndarray(format="rgb24")
    for made in (media.probe(tmp_path / "proxy.mp4"), media.probe(tmp_path / "comparison.mp4")):
        assert (made.color, made.pixel_format) == (plain, "yuv420p")
        assert _saturation(media.first_frame(made).to_ndarray(format="rgb24")) > 1.5 * _saturation(washed_out)
    (picture,) = pictures.study(clip, [0], 480).frames.values()
    assert _saturation(picture) > 1.5 * _saturation(washed_out)


def _saturation(picture: NDArray[np.uint8]) -> float:
    return float(np.ptp(picture.astype(float), axis=2).mean())
