"""Draws the figures of docs/diagnosis.md: successive residuals of flicker and of missed motion, and what ``diagnose --plot`` shows.

python tests/bench/figures.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deshimmer.daemon import plot
from deshimmer.processors import api, media
from deshimmer.processors import flow as fl
from deshimmer.processors.measurement import flicker, samples

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from clipmaker import Picture, pan, patch_flicker, write
from degraded import scene

DOCS = Path(__file__).resolve().parents[2] / "docs"
PANEL_PX, MARGIN_PX = 420, 60
REACH_LEVELS = 12.0
INK, PAPER, DOT, LINE = "#222222", "#ffffff", "#3b6fb6", "#d95f02"


def main() -> None:
    with TemporaryDirectory() as folder:
        theory(Path(folder), DOCS / "diagnosis-residuals.png")
        example(Path(folder), DOCS / "diagnosis-plot.png")


def theory(folder: Path, output: Path) -> None:
    """Two scatter plots: the residual of a place against the one before it, along motion."""
    panels: tuple[tuple[str, Callable[[list[Picture]], list[Picture]]], ...] = (
        ("Patches drawn anew for each frame", lambda shots: patch_flicker(shots, 4)),
        ("The same scene, no flicker: motion that was missed", lambda shots: shots),
    )
    image = Image.new("RGB", (2 * PANEL_PX + 3 * MARGIN_PX, PANEL_PX + 2 * MARGIN_PX), PAPER)
    pen = ImageDraw.Draw(image)
    for index, (title, fault) in enumerate(panels):
        before, now = successive(write(folder / f"{index}.mp4", fault(list(scene("motorcycle", 24, (480, 270))))))
        _panel(pen, MARGIN_PX + index * (PANEL_PX + MARGIN_PX), title, before, now)
    image.save(output)


def successive(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Low-band residuals of all cells and pairs: those carried from the frame before, and those at hand. Display levels."""
    clip = media.probe(path)
    layout = samples.Layout.of(clip)
    seen = [samples.sample(samples.planar(frame), layout) for frame in media.frames(clip)]
    residuals: list[tuple[flicker.Residual, flicker.Motion]] = []
    for previous, current in pairwise(seen):
        motion = flicker.Motion.of(fl.flow(previous.guide, current.guide), layout)
        carried = fl.warp(previous.luma, motion.picture)
        residuals.append((flicker.residual(carried, previous, current, motion), motion))
    pairs = [(fl.warp(before.low, motion.cells), now.low) for (before, _), (now, motion) in pairwise(residuals)]
    before, now = (np.concatenate([pair[place].ravel() for pair in pairs]) * seen[0].levels for place in (0, 1))
    return before, now


def _panel(pen: ImageDraw.ImageDraw, left: int, title: str, before: NDArray[np.float32], now: NDArray[np.float32]) -> None:
    def at(x: float, y: float) -> tuple[float, float]:
        return left + (x / REACH_LEVELS + 1) * PANEL_PX / 2, MARGIN_PX + (1 - y / REACH_LEVELS) * PANEL_PX / 2

    chosen = np.random.default_rng(0).permutation(len(before))[:6000]
    for x, y in zip(before[chosen], now[chosen], strict=True):
        if max(abs(x), abs(y)) < REACH_LEVELS:
            across, down = at(float(x), float(y))
            pen.rectangle((across, down, across + 1, down + 1), DOT)
    pen.rectangle((left, MARGIN_PX, left + PANEL_PX, MARGIN_PX + PANEL_PX), outline=INK)
    slope = float(before @ now / (before @ before))
    pen.line((*at(-REACH_LEVELS, -slope * REACH_LEVELS), *at(REACH_LEVELS, slope * REACH_LEVELS)), LINE, 3)
    correlation = float(np.corrcoef(before, now)[0, 1])
    font, small = ImageFont.load_default(17), ImageFont.load_default(14)
    pen.text((left, MARGIN_PX - 32), title, INK, font)
    pen.text((left + 12, MARGIN_PX + 12), f"correlation {correlation:+.2f}", INK, font)
    pen.text(
        (left, MARGIN_PX + PANEL_PX + 10), f"residual one frame earlier, along motion; {REACH_LEVELS:.0f} levels to each side", INK, small
    )


def example(folder: Path, output: Path) -> None:
    """The plot of a made clip: hue flickers in its left half, and one frame is odd."""
    plain = pan(60, (480, 270), "coffee", 1.2)
    flickering = patch_flicker(plain, 7, hue=True)
    fade = np.clip(1.4 - np.linspace(0, 2, 480), 0, 1)[None, :, None].astype(np.float32)
    shots = [np.clip(fade * bad + (1 - fade) * good, 0, 255) for bad, good in zip(flickering, plain, strict=True)]
    shots[40] = np.clip(shots[40] + 22, 0, 255)
    path = write(folder / "render.mp4", (shot.astype(np.float32) for shot in shots))
    plot.draw(api.diagnose(path), output)


if __name__ == "__main__":
    main()
