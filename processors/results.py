"""Writing a result, whatever it is: a movie, a folder of frames, or an animation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from .animations import animated_results
from .sequences import sequence_codecs, sequence_results
from .writing import frame_pipe

if TYPE_CHECKING:
    from ..config.settings import Settings
    from .encoding import Encoding
    from .records import Clip, Progress

_WRITERS: dict[str, Callable[..., int]] = {
    sequence_codecs.MUXER: sequence_results.write,
    **dict.fromkeys(animated_results.MUXERS.values(), animated_results.write),
}
"""By muxer; FFmpeg alone writes all others."""


def write(
    clip: Clip,
    frames: Iterable[av.VideoFrame],
    encoding: Encoding,
    output: Path,
    settings: Settings,
    *,
    filters: str | None = None,
    frame_rate: Fraction | None = None,
    progress: Progress | None = None,
    expected_frames: int | None = None,
) -> int:
    """``frame_pipe.encode`` for any result. Raises as that does."""
    writer = _WRITERS.get(encoding.muxer, frame_pipe.encode)
    return writer(
        clip, frames, encoding, output, settings, filters=filters, frame_rate=frame_rate, progress=progress, expected_frames=expected_frames
    )
