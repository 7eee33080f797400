"""Draws docs/before-after.png: frames of a flickering clip before and after ``deshimmer fix``, and the brightness of each frame.

The clip is Muybridge's galloping horse (1878, public domain) from ../shared/clips.

python tests/bench/picture.py
"""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deshimmer.processors import api, media

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT.parent / "shared" / "clips" / "real" / "cogv2v_input_horse.mp4"
FIRST, SHOWN = 8, 8
THUMB = (150, 100)
MARGIN, LABEL, CURVE_HEIGHT = 16, 24, 150
BEFORE, AFTER, INK, PAPER = (206, 82, 60), (32, 120, 180), (40, 40, 40), (255, 255, 255)


def thumbnails(clip: Path) -> list[Image.Image]:
    shown = islice(media.frames(media.probe(clip)), FIRST, FIRST + SHOWN)
    return [frame.to_image().resize(THUMB, Image.Resampling.LANCZOS) for frame in shown]


def brightness(clip: Path) -> NDArray[np.float64]:
    """Mean luma of each frame in 8-bit levels, shape (frames,)."""
    return np.array([frame.to_ndarray(format="gray").mean() for frame in media.frames(media.probe(clip))])


def draw(source: Path, result: Path) -> Image.Image:
    width = 2 * MARGIN + SHOWN * THUMB[0]
    picture = Image.new("RGB", (width, 2 * (LABEL + THUMB[1]) + LABEL + CURVE_HEIGHT + 2 * MARGIN), PAPER)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(15)
    top = MARGIN // 2
    for name, color, clip in (("before", BEFORE, source), ("after", AFTER, result)):
        pen.text((MARGIN, top), name, color, font)
        for index, thumb in enumerate(thumbnails(clip)):
            picture.paste(thumb, (MARGIN + index * THUMB[0], top + LABEL))
        top += LABEL + THUMB[1]
    pen.text((MARGIN, top + 6), "mean brightness of each frame, 8-bit levels", INK, font)
    curves = [brightness(source), brightness(result)]
    low, high = min(curve.min() for curve in curves), max(curve.max() for curve in curves)
    top += LABEL + 8
    for curve, color in zip(curves, (BEFORE, AFTER), strict=True):
        x = np.linspace(MARGIN, width - MARGIN, len(curve))
        y = top + CURVE_HEIGHT - (curve - low) / (high - low) * CURVE_HEIGHT
        pen.line(list(map(tuple, np.stack([x, y], 1))), color, 2, joint="curve")
    pen.text((width - MARGIN - 90, top - LABEL), f"{low:.0f} to {high:.0f}", INK, font)
    return picture


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        receipt = api.fix(CLIP, output=Path(temporary))
        assert receipt.output is not None, receipt.reason
        draw(CLIP, receipt.output).save(ROOT / "docs" / "before-after.png", optimize=True)


if __name__ == "__main__":
    main()
