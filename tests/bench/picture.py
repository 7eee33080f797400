"""Draws docs/before-after.png from a real ``deshimmer fix``: frames, a slit-scan, and the brightness of each frame, before and after.

The clip is Muybridge's galloping horse (1878, public domain) from ../shared/clips.

python tests/bench/picture.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deshimmer.processors import api, media
from deshimmer.processors.reports import pictures

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT.parent / "shared" / "clips" / "real" / "cogv2v_input_horse.mp4"
SHOWN = range(24, 30)
SLIT_LINES, CURVE_LINES, MARGIN, LABEL = 130, 130, 16, 26
WIDTH = 1200
BEFORE, AFTER, INK, PAPER = (196, 82, 28), (23, 120, 108), (60, 60, 60), (255, 255, 255)


def brightness(clip: Path) -> NDArray[np.float64]:
    """Mean luma of each frame in 8-bit levels, shape (frames,)."""
    return np.array([frame.to_ndarray(format="gray").mean() for frame in media.frames(media.probe(clip))])


def strip(clip: Path, width: int) -> list[Image.Image]:
    """A row of frames and, below, one upright line of the picture, frame after frame."""
    probed = media.probe(clip)
    thumb = width // len(SHOWN)
    study = pictures.study(probed, SHOWN, thumb, slit=range(probed.frames))
    assert study.slit is not None
    frames = [Image.fromarray(study.frames[index]) for index in SHOWN]
    row = Image.new("RGB", (width, frames[0].height), PAPER)
    for place, frame in enumerate(frames):
        row.paste(frame, (place * thumb, 0))
    return [row, Image.fromarray(study.slit).resize((width, SLIT_LINES), Image.Resampling.NEAREST)]


def curves(values: list[NDArray[np.float64]], width: int) -> Image.Image:
    picture = Image.new("RGB", (width, CURVE_LINES), PAPER)
    pen = ImageDraw.Draw(picture)
    low, high = min(map(np.min, values)) - 1, max(map(np.max, values)) + 1
    for curve, color in zip(values, (BEFORE, AFTER), strict=True):
        x = np.linspace(2, width - 3, len(curve))
        y = (high - curve) / (high - low) * (CURVE_LINES - 1)
        pen.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], color, 3, joint="curve")
    return picture


def draw(source: Path, result: Path) -> Image.Image:
    width = WIDTH - 2 * MARGIN
    levels = [brightness(source), brightness(result)]
    spread = "mean brightness of each frame; its jump from frame to frame falls from {:.1f} to {:.1f} levels"
    jumps = spread.format(*(float(np.abs(np.diff(curve)).mean()) for curve in levels))
    parts: list[tuple[str, tuple[int, int, int], list[Image.Image]]] = [
        ("before: six frames, and one upright line of every frame side by side (stripes are flicker)", BEFORE, strip(source, width)),
        ("after", AFTER, strip(result, width)),
        (jumps, INK, [curves(levels, width)]),
    ]
    height = MARGIN + sum(LABEL + sum(image.height + 4 for image in images) for _, _, images in parts)
    picture = Image.new("RGB", (WIDTH, height), PAPER)
    pen, font, top = ImageDraw.Draw(picture), ImageFont.load_default(16), MARGIN // 2
    for label, color, images in parts:
        pen.text((MARGIN, top + 3), label, color, font)
        top += LABEL
        for image in images:
            picture.paste(image, (MARGIN, top))
            top += image.height + 4
    return picture


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        receipt = api.fix(CLIP, output=Path(temporary))
        assert receipt.output is not None, receipt.reason
        draw(CLIP, receipt.output).quantize(128).save(ROOT / "docs" / "before-after.png", optimize=True)


if __name__ == "__main__":
    main()
