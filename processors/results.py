"""Writing a result, whatever it is: a movie, a folder of frames, or an animation."""

from __future__ import annotations

from collections.abc import Callable

from .animations import animated_results
from .sequences import sequence_codecs, sequence_results
from .writing import frame_pipe
from .writing.orders import Order

_WRITERS: dict[str, Callable[[Order], int]] = {
    sequence_codecs.MUXER: sequence_results.write,
    **dict.fromkeys(animated_results.MUXERS.values(), animated_results.write),
}
"""By muxer; FFmpeg alone writes all others."""


def write(order: Order) -> int:
    """``frame_pipe.encode`` for any result. Raises as that does."""
    return _WRITERS.get(order.encoding.muxer, frame_pipe.encode)(order)
