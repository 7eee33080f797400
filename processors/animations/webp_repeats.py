"""Frames of an animated WebP that show what the one before them does. libwebp leaves them out and lets that one stay: here they are put back.

Source: "WebP Container Specification", developers.google.com, on ANMF.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from PIL import Image

from .webp_parts import FRAME, Frame, Part, parts

_NEAR = Fraction(1, 1000)
"""Seconds: what the file's clock rounds."""


def restored(found: Sequence[Part], times: Sequence[Fraction]) -> Iterator[Part]:
    """The parts of a file whose frames were given at ``times`` (seconds, rising), with one frame for each of them."""
    starts = [time - times[0] for time in times]
    begin, index = Fraction(0), 0
    last = max(place for place, part in enumerate(found) if part.kind == FRAME)
    for place, part in enumerate(found):
        if part.kind != FRAME:
            yield part
            continue
        frame = Frame.of(part)
        end = begin + Fraction(frame.stays_ms, 1000)
        first = index
        while index < len(starts) and (place == last or index == first or starts[index] < end - _NEAR):
            index += 1
        end = max(end, starts[index - 1])
        yield from (each.part() for each in _divided(frame, starts[first + 1 : index], begin, end))
        begin = end


def _divided(frame: Frame, repeats: Sequence[Fraction], begin: Fraction, end: Fraction) -> Iterable[Frame]:
    """The frame, and after it one that changes nothing for each moment at which it was given again."""
    if not repeats:
        return [frame]
    edges_ms = [round(1000 * each) for each in (begin, *repeats, end)]
    stay = [later - earlier for earlier, later in pairwise(edges_ms)]
    nothing = replace(frame, blends=True, clears=False, picture=_transparent(frame.width, frame.height))
    shown = [replace(frame, clears=False), *(nothing for _ in repeats)]
    shown[-1] = replace(shown[-1], clears=frame.clears)
    return [replace(each, stays_ms=ms) for each, ms in zip(shown, stay, strict=True)]


def _transparent(width: int, height: int) -> bytes:
    """A picture that shows nothing, as a frame holds it."""
    held = io.BytesIO()
    Image.new("RGBA", (width, height)).save(held, "WEBP", lossless=True)
    return b"".join(bytes(part) for part in parts(held.getvalue()) if part.kind == b"VP8L")
