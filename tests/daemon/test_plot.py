"""``diagnose --plot``: whole files, texts inside the picture that do not run into one another, scales that do not alarm."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from deshimmer.daemon import plot, plot_maps, plot_scale
from deshimmer.daemon.plot_marks import fitted, text_width, wrapped
from deshimmer.processors.api import Finding
from deshimmer.processors.measurement.causes import KINDS
from deshimmer.processors.records import (
    Band,
    BandReading,
    Cause,
    Clip,
    CodecReading,
    ColorTags,
    Diagnosis,
    Reading,
    Route,
    Shot,
    Verdict,
)

SVG = "{http://www.w3.org/2000/svg}"
FRAMES, FPS = 60, 12


def finding(level: float, *, size: tuple[int, int] = (640, 360), verdict: Verdict = Verdict.GENERATIVE, rotation: int = 0) -> Finding:
    """A clip in which each band flickers by so many levels, in the upper left of the frame, and more at frame 30."""
    curve = np.full(FRAMES, level / 4, np.float32)
    curve[30] = level
    plane = np.zeros((18, 32), np.float32)
    plane[:6, :8] = level
    bands = {band: BandReading(level, -0.4) for band in Band}
    route = Route.KEEP if verdict is Verdict.CLEAN else Route.SMOOTH
    clip = Clip(
        **dict(path=Path("/clip.mp4"), digest="", size_bytes=1, container="mov", codec="h264", pixel_format="yuv420p", bit_depth=8),
        **dict(width=size[0], height=size[1], frames=FRAMES, frame_rate=Fraction(FPS), time_base=Fraction(1, FPS)),
        **dict(duration=Fraction(FRAMES, FPS), variable_frame_rate=False, rotation=rotation, sample_aspect=Fraction(1)),
        **dict(has_alpha=False, interlaced=False, color=ColorTags(), audio=()),
    )
    shots = (Shot(0, 24, verdict, bands, 0.9, 0.8, route), Shot(24, FRAMES, Verdict.CLEAN, bands, 0.9, 0.1))
    reading = Reading(bands, CodecReading(0.0, 0.0, None), 0.8 if route is Route.SMOOTH else 0.05, 3.0, 100.0, 1.0)
    amounts = {each: 0.6 for each in Verdict}
    diagnosis = Diagnosis(verdict, 0.9, route, "The hue of patches changes from frame to frame.", amounts, (), reading, shots, None, None)
    curves: dict[str, np.ndarray] = {"time_s": np.arange(FRAMES, dtype=np.float32) / FPS, **{band: curve for band in Band}}
    return Finding("/renders/clip.mp4", clip, diagnosis, curves, {band: plane for band in Band if band is not Band.GLOBAL_LUMA})


def with_causes(found: Finding) -> Finding:
    causes = tuple(Cause(kind, 3 * at, 3 * at + (at % 3) * 6, 1.5, "Look.") for at, kind in enumerate(KINDS))
    long = "Things change their shape from frame to frame: no filter mends that, another prompt or a shorter sequence may. " * 2
    return replace(found, path=f"/renders/{'long_name_' * 20}.mp4", diagnosis=replace(found.diagnosis, causes=causes, summary=long))


def without_maps(found: Finding) -> Finding:
    curves = {key: curve[:1] for key, curve in found.curves.items()}
    return replace(found, curves=curves, maps={}, clip=replace(found.clip, frames=1, duration=Fraction(1, FPS)))


CASES = {
    "flickers": finding(6.0),
    "clean": finding(0.2, verdict=Verdict.CLEAN),
    "codec": finding(0.2, verdict=Verdict.CODEC),
    "all causes": with_causes(finding(30.0)),
    "portrait": finding(3.0, size=(360, 1280)),
    "one frame": without_maps(finding(0.0, verdict=Verdict.CLEAN)),
}


def texts(found: Finding, folder: Path) -> list[ElementTree.Element]:
    plot.draw(found, folder / "plot.svg")
    return list(ElementTree.parse(folder / "plot.svg").iter(f"{SVG}text"))


@pytest.mark.parametrize("name", CASES)
def test_texts_stay_in_the_picture_and_apart(name: str, tmp_path: Path) -> None:
    boxes: dict[str, tuple[float, float, float, float]] = {}
    for index, text in enumerate(texts(CASES[name], tmp_path)):
        width, high = text_width(text.text or "", size := int(text.attrib["font-size"])), size * 0.8
        left = float(text.attrib["x"]) - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.attrib["text-anchor"]] * width
        boxes[f"{index} {text.text}"] = (left, float(text.attrib["y"]) - high / 2, left + width, float(text.attrib["y"]) + high / 2)
    outside = [text for text, box in boxes.items() if box[0] < 0 or box[1] < 0 or box[2] > plot.SIZE[0] or box[3] > plot.SIZE[1]]
    touching = [
        (one, other)
        for (one, a), (other, b) in combinations(boxes.items(), 2)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]
    assert (outside, touching) == ([], [])


@pytest.mark.parametrize("name", CASES)
def test_a_png_has_the_size_of_the_svg(name: str, tmp_path: Path) -> None:
    plot.draw(CASES[name], tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        assert (image.format, image.size) == ("PNG", plot.SIZE)
    assert [file.name for file in tmp_path.iterdir()] == ["plot.png"]


def test_the_picture_says_verdict_causes_and_largest_values(tmp_path: Path) -> None:
    causes = (Cause("batch_step", 8, 8, 15.0, "Look."), Cause("batch_step", 17, 17, 12.0, "Look."))
    found = finding(6.0)
    said = [text.text or "" for text in texts(replace(found, diagnosis=replace(found.diagnosis, causes=causes)), tmp_path)]
    assert said.count("Batch step") == 1
    assert {"Worst second", "cut", "clip.mp4"} <= set(said)
    assert any("generative: drawn anew each frame" in text for text in said)
    assert sum("largest 6.0 levels" in text for text in said) == 4
    assert sum("up to 6.0 levels" in text for text in said) == 3


def test_a_clean_clip_has_no_worst_second_and_pale_maps(tmp_path: Path) -> None:
    found = CASES["clean"]
    assert "Worst second" not in {text.text for text in texts(found, tmp_path)}
    plot.draw(found, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        right = np.asarray(image.convert("L"))[210:340, 840:1100]
    assert np.percentile(right, 2) > 230


def test_the_map_lies_as_a_player_shows_the_picture(tmp_path: Path) -> None:
    """Upper left of the decoded picture is upper right once it is turned a quarter clockwise."""
    marks = list(plot_maps.maps(finding(8.0, rotation=90), 0, 0, 330, 700))
    heat = next(mark for mark in marks if isinstance(mark, plot_maps.Heat))
    assert heat.height > heat.width
    assert heat.pixels[0, -1].sum() < heat.pixels[0, 0].sum()


def test_shades_grow_darker() -> None:
    lightness = plot_maps.shades(np.linspace(0, 1, 60, dtype=np.float32)) @ np.array([0.2126, 0.7152, 0.0722])
    assert all(later < earlier for earlier, later in pairwise(lightness))


@pytest.mark.parametrize(("value", "end"), [(4.0, 4.0), (4.01, 5.0), (7.1, 8.0), (10.0, 10.0), (12.4, 14.0), (99.0, 100.0)])
def test_scales_end_at_round_numbers(value: float, end: float) -> None:
    assert plot_scale.nice_above(value) == pytest.approx(end)


@pytest.mark.parametrize("length", [0.08, 1.0, 2.83, 5.28, 42.1, 3600.0])
def test_ticks_are_few_and_inside(length: float) -> None:
    places = plot_scale.ticks(length, 9)
    assert 3 <= len(places) <= 9
    assert places[0] == 0
    assert places[-1] <= length


def test_long_texts_are_broken_or_shortened() -> None:
    name = f"{'long_' * 40}end.mp4"
    assert text_width(short := fitted(name, 24, 500), 24) <= 500
    assert short.startswith("long_")
    assert short.endswith("end.mp4")
    assert all(text_width(line, 15) <= 300 for line in wrapped("some words " * 30, 15, 300))
