"""The picture's properties as requirements: what changed and is not named in the candidate's notes makes a file broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import av
import numpy as np
from numpy.typing import NDArray

from .. import media
from ..records import Candidate, Check, Clip, Route, Treatment
from ..writing import picture_facts
from ..writing.picture_facts import PictureFacts

if TYPE_CHECKING:
    from ...config.settings import Settings

_ALPHA, _ALPHA_CODED = (0.25, 2.0), (0.5, 64.0)
"""Levels of 255 by which transparency may differ, on average and anywhere: by rounding, where 16 bits become 10 (of 8 bits nothing is
lost), and where it is coded like a picture, whose hard edges then differ most."""
_CODES_ALPHA = ("vp8", "vp9")


def of(clip: Clip, result: Clip, candidate: Candidate, settings: Settings) -> tuple[Check, ...]:
    """Raises UnreadableClip where a file shows nothing, NotSetUp without FFmpeg."""
    source, made = (picture_facts.take(each, settings) for each in (clip, result))
    expected = replace(source, color=media.delivered_color(clip, result.pixel_format))
    found = properties(expected, made, candidate.treatment, candidate.notes)
    return (*found, *_alpha(clip, result, candidate.treatment))


def properties(source: PictureFacts, result: PictureFacts, treatment: Treatment, notes: Sequence[str]) -> Iterator[Check]:
    """One check for each property that changed unnamed; one for all where there is none."""
    found = picture_facts.differences(source, result, treatment)
    unnamed = [each for each in found if not each.is_named(notes)]
    for each in unnamed:
        yield Check(f"picture: {each.name}", False, None, None, f"The {each.name} is {each.after} instead of {each.before}.")
    if not unnamed:
        told = f", but for what is named ({', '.join(each.name for each in found)})" if found else ""
        yield Check("picture", True, None, None, f"Depth, colours, HDR metadata and geometry are the source's{told}.")


def _alpha(clip: Clip, result: Clip, treatment: Treatment) -> Iterator[Check]:
    """Nothing treats transparency, so that it comes back as it was, frame by frame."""
    if not (clip.has_alpha and result.has_alpha) or treatment.route is Route.REGENERATE or treatment.fps is not None:
        return
    mean, most = alpha_change(clip, result, treatment.factor)
    most_mean, most_anywhere = _ALPHA_CODED if result.codec in _CODES_ALPHA else _ALPHA
    kept = mean <= most_mean and most <= most_anywhere
    detail = f"Transparency differs by {mean:.2f} of 255 levels, by {most:.0f} where it differs most."
    yield Check("picture: alpha", kept, 0, mean, detail)


def alpha_change(clip: Clip, result: Clip, factor: int = 1) -> tuple[float, float]:
    """(mean, largest) absolute difference of the alpha planes of source frames and their counterparts, in levels of 255, to the
    precision of the source."""
    means, most = [0.0], 0.0
    with closing(media.frames(clip)) as originals, closing(media.frames(result)) as results:
        for before, after in zip(originals, islice(results, 0, None, factor), strict=False):
            mine, peak = _opacity(before)
            theirs, scale = _opacity(after)
            change = np.abs(mine - np.rint(theirs * (peak / scale))) * (255 / peak)
            means.append(float(change.mean()))
            most = max(most, float(change.max()))
    return sum(means) / max(1, len(means) - 1), most


def _opacity(frame: av.VideoFrame) -> tuple[NDArray[np.float32], float]:
    """(height, width), code values, and the one that is opaque."""
    found = media.opacity(frame)
    return (found.plane.astype(np.float32), float(found.peak)) if found else (np.ones((frame.height, frame.width), np.float32), 1.0)
