"""How much a clip that was rendered again looks like the original: where light and dark lie, and which colours there are.

Nothing is learned here: both figures are taken from small pictures that a person would call a blurred view of the shot. They tell another
scene from the same one, and say nothing of faces or of fine texture (docs/verification.md has what was measured).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import media
from ..records import Clip, Progress
from ..reports import pictures
from .looks import look, thumbnail

MOST_FRAMES = 24
_BLUR_PX = 1.0  # of the thumbnail: what is finer is texture, which a new rendering draws anew
_LUMA_BINS, _CHROMA_BINS = 16, 24
_BIN_BLUR = 1.0  # bins: flicker moves levels by less
_PLAIN_LEVELS = 2.0  # standard deviation under which a picture has no layout to compare

Thumbnails = NDArray[np.float32]
"""(frames, rows, columns, 3): luma, U and V in 8-bit levels."""


@dataclass(frozen=True)
class Likeness:
    layout: float | None  # correlation of small luma pictures, 1 the same, 0 unrelated; None where the pictures are plain
    palette: float  # overlap of the histograms of brightness and colour, 1 the same, 0 nothing in common
    frames: int  # of the result that decoded


def measure(source: Clip, result: Clip, progress: Progress, *, framewise: bool) -> Likeness:
    """``framewise``: frames at the same part of both clips are compared, as video to video keeps them; else their mean pictures.

    Raises ClipError where one cannot be decoded.
    """
    mine, _ = thumbnails(source, lambda done: progress(done / 2))
    theirs, frames = thumbnails(result, lambda done: progress((1 + done) / 2))
    return Likeness(layout(mine, theirs, framewise=framewise), palette(mine, theirs), frames)


def thumbnails(clip: Clip, progress: Progress) -> tuple[Thumbnails, int]:
    """Frames spread evenly over the clip, as a player shows them; and how many it has."""
    last = max(0, clip.frames - 1)
    wanted = {round(part * last / (MOST_FRAMES - 1)) for part in range(MOST_FRAMES)}
    taken: list[Thumbnails] = []
    index = -1
    with closing(media.frames(clip)) as decoded:
        for index, frame in enumerate(decoded):
            if index in wanted:
                seen = look(frame)
                luma = pictures.upright(thumbnail(seen.small(64)), clip)
                chroma = [pictures.upright(np.ascontiguousarray(seen.chroma[..., plane]), clip) for plane in (0, 1)]
                taken.append(np.dstack([luma, *chroma]))
                progress(min(1.0, len(taken) / len(wanted)))
    return np.stack(taken), index + 1


def layout(mine: Thumbnails, theirs: Thumbnails, *, framewise: bool) -> float | None:
    """The median correlation of the pictures that are compared."""
    found = [_correlation(*pair) for pair in zip(*_paired(mine, theirs, framewise=framewise), strict=True)]
    known = [each for each in found if each is not None]
    return float(np.median(known)) if known else None


def _paired(mine: Thumbnails, theirs: Thumbnails, *, framewise: bool) -> tuple[Thumbnails, Thumbnails]:
    """Luma of the pictures that are compared."""
    if not framewise:
        return mine[None, ..., 0].mean(1), theirs[None, ..., 0].mean(1)
    count = min(len(mine), len(theirs))
    places = [np.linspace(0, len(side) - 1, count).round().astype(int) for side in (mine, theirs)]
    return mine[places[0], ..., 0], theirs[places[1], ..., 0]


def _correlation(mine: Thumbnails, theirs: Thumbnails) -> float | None:
    if mine.shape != theirs.shape:  # one upright, one wide
        return 0.0
    a, b = (np.asarray(cv2.GaussianBlur(side, (0, 0), _BLUR_PX), np.float32) for side in (mine, theirs))
    a, b = a - a.mean(), b - b.mean()
    if a.std() < _PLAIN_LEVELS:
        return None
    return float((a * b).mean() / (a.std() * max(float(b.std()), _PLAIN_LEVELS)))


def palette(mine: Thumbnails, theirs: Thumbnails) -> float:
    """Bhattacharyya's coefficient of the histograms, brightness and colour alike."""
    luma = [_histogram(side[..., :1], _LUMA_BINS) for side in (mine, theirs)]
    chroma = [_histogram(side[..., 1:], _CHROMA_BINS) for side in (mine, theirs)]
    overlaps = [float(np.sqrt(a * b).sum()) for a, b in (luma, chroma)]
    return (overlaps[0] * overlaps[1]) ** 0.5


def _histogram(values: Thumbnails, bins: int) -> NDArray[np.float64]:
    """Of the planes together, softened, as parts of 1."""
    planes = values.shape[-1]
    found, _ = np.histogramdd(values.reshape(-1, planes), bins=bins, range=[(0, 256)] * planes)
    softened = np.asarray(cv2.GaussianBlur(found.reshape(bins, -1), (0, 0), _BIN_BLUR), np.float64)
    return softened / softened.sum()
