"""Interlaced clips as what they are: two streams of fields, each treated like a clip of half the height, and woven again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import av

from . import combing, media
from .records import Clip, Route

FIELDS = ("top", "bottom")
WEAVES = {"libx264": "+ilme+ildct", "prores_ks": "+ildct", "prores": "+ildct", "ffv1": ""}
"""FFmpeg's ``flags`` by which an encoder keeps two fields apart; FFV1 codes lines as they come. Its DNxHR knows no fields."""

_NOT_THIS_ROUTE = "It is interlaced, and the route {route} repairs whole frames only. Use the route smooth, or deinterlace it first."
_UNFLAGGED = "It is interlaced, but its file does not say so, nor which field comes first. Deinterlace it first."
_ODD_FIELDS = "It is interlaced, and its {height} lines make no two even fields. Deinterlace it first."
_MIXED = (
    "It has whole frames and combed ones in turn, as 3:2 pulldown makes them. Take the pulldown out first (FFmpeg's fieldmatch,decimate)."
)


def judge(clip: Clip) -> Clip:
    """The clip with ``interlaced`` and ``is_mixed`` as its pictures say; as its flags say where nothing moves."""
    seen = combing.scan(clip)
    if not seen.is_known:
        return clip
    return replace(clip, interlaced=seen.is_interlaced or seen.is_mixed, is_mixed=seen.is_mixed)


def obstacle(clip: Clip, route: Route) -> str | None:
    """Why a route cannot treat the clip for its fields' sake; None where it can."""
    if not clip.interlaced or route is Route.KEEP:
        return None
    if clip.is_mixed:
        return _MIXED
    if clip.field_order is None:
        return _UNFLAGGED
    if clip.height % 4:
        return _ODD_FIELDS.format(height=clip.height)
    return None if route is Route.SMOOTH else _NOT_THIS_ROUTE.format(route=route)


def options(clip: Clip, video: dict[str, Any]) -> dict[str, Any]:
    """FFmpeg's options for the picture, with those that keep fields apart."""
    flags = WEAVES.get(video["c:v"]) if clip.field_order is not None else None
    return video | {"flags": flags} if flags else video


def notes(clip: Clip, video: dict[str, Any]) -> tuple[str, ...]:
    """Whole frames that are flagged as fields lose the flag where the encoder has none."""
    keeps = clip.field_order is None or video["c:v"] in WEAVES
    return () if keeps else ("its frames are whole, but were flagged as two fields each; the result has no such flag",)


def half(clip: Clip, field: str) -> Clip:
    """One field of each frame, as a clip of whole frames."""
    return replace(clip, field=field, height=clip.height // 2, interlaced=False)


def each(clip: Clip, treat: Callable[[Clip], Generator[av.VideoFrame, None, None]]) -> Iterator[av.VideoFrame]:
    """The frames of ``treat(clip)``; of an interlaced clip, woven from those of its two fields."""
    if not clip.interlaced:
        yield from treat(clip)
        return
    halves = [treat(half(clip, field)) for field in FIELDS]
    with closing(halves[0]) as top, closing(halves[1]) as bottom:
        for upper, lower in zip(top, bottom, strict=True):
            yield _woven(upper, lower)


def _woven(top: av.VideoFrame, bottom: av.VideoFrame) -> av.VideoFrame:
    made = av.VideoFrame(top.width, 2 * top.height, top.format.name)
    media.tagged_like(top, made)
    for upper, lower, target in zip(media.planes(top), media.planes(bottom), media.planes(made), strict=True):
        if upper is not None and lower is not None and target is not None:
            target[::2], target[1::2] = upper, lower  # pyright: ignore[reportArgumentType]  of one format
    return made
