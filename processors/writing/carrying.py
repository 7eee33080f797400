"""Carrying: the container of a result, and what goes into it from the source besides the picture.

The rule is DESIGN.md's 'Outputs': the source's container where it holds the result, else the codec's own, mov for PCM, else Matroska. Sound comes
first: where a container does not hold all of it, another is taken. What the container cannot hold is named, one sentence for each thing,
by the names of ``parts``: verification takes nothing else as an excuse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .. import media
from ..editors import timecodes
from ..inventory import inventories, parts, vobsub
from ..inventory.entries import CHAPTERS, PICTURE, ROUNDED, TIMECODE, canvas_name, colours_name, tag_name
from ..records import Route
from . import grid, held

if TYPE_CHECKING:
    from ..inventory.parts import Part
    from ..records import Clip, Treatment
    from .grid import Grid

_MUXERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".ts": "mpegts",
    ".mts": "mpegts",
    ".m2ts": "mpegts",
    ".webm": "webm",
}
_SUFFIXES = {"mp4": ".mp4", "mov": ".mov", "matroska": ".mkv", "mpegts": ".ts", "webm": ".webm"}
_FAMILIES: dict[str, tuple[str, ...]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": ("mp4", "mov"),
    "matroska,webm": ("matroska", "webm"),
    "mpegts": ("mpegts",),
}
"""The muxers that write what a demuxer reads; for any other source the codec says."""

BOXED = ("mp4", "mov")
_IN_MILLISECONDS = ("matroska", "webm")
_SLOW = "slow motion changes the length"
_MATROSKA_TICK = Fraction(1, 1000)
_FINE_CLOCK = 600
"""Ticks a second: QuickTime's own clock. A coarser one that is not MOV's own is divided by FFmpeg, exactly."""
_MOST_TICKS = 1 << 31
_SECOND_VIEW = "multilayer"
_TIMELESS = ("attachment", "cover")


@dataclass(frozen=True)
class Carried:
    """Where the picture goes, and what goes with it. ``lost``: what the container cannot hold, one sentence each."""

    suffix: str
    muxer: str
    options: dict[str, Any]  # FFmpeg's, for the container
    streams: tuple[str, ...] = ()  # FFmpeg's selectors of what is copied from the source
    lost: tuple[str, ...] = ()
    along: Along = field(default_factory=lambda: Along())


@dataclass(frozen=True)
class Along:
    """How the source's other parts go in."""

    picture: str | None = None  # FFmpeg's selector, of the source's picture; None where FFmpeg reads nothing from the source
    converted: Mapping[str, str] = field(default_factory=lambda: {})  # selector of a copied stream: FFmpeg's encoder, else it is copied
    names: Mapping[str, str] = field(default_factory=lambda: {})  # selector of a copied stream: its name
    covers: tuple[Part, ...] = ()  # that the muxer takes as files; their streams are closed
    tags: Mapping[str, str] = field(default_factory=lambda: {})  # that FFmpeg would not carry over
    timecode: str | None = None  # where it is not the source's
    roles: str = "default"  # of the picture, FFmpeg's disposition
    has_chapters: bool = False
    grid: Grid | None = None  # of frame times


@dataclass(frozen=True)
class _Source:
    """What the source holds besides its picture."""

    picture: str | None = None
    others: tuple[Part, ...] = ()
    markup: frozenset[str] = frozenset()  # selectors of text subtitles that hold more than words
    tags: Mapping[str, str] = field(default_factory=lambda: {})  # of the file, by lower-case key
    hidden: Mapping[str, str] = field(default_factory=lambda: {})  # that FFmpeg does not show
    timecode: str | None = None
    chapters: int = 0
    roles: tuple[str, ...] = ("default",)  # of the picture
    canvases: Mapping[str, vobsub.Canvas] = field(default_factory=lambda: {})  # selector of a VobSub track: what it says of its pictures

    def of_kind(self, kind: parts.Kind) -> tuple[Part, ...]:
        return tuple(part for part in self.others if part.kind == kind)


@dataclass(frozen=True)
class _Case:
    """What is to be carried, and where it goes."""

    clip: Clip
    treatment: Treatment
    source: _Source
    muxer: str
    exact: Grid | None

    @property
    def suffix(self) -> str:
        return _SUFFIXES[self.muxer]

    @property
    def keeps_times(self) -> bool:
        return self.treatment.route is not Route.INTERPOLATE


def choose(clip: Clip, treatment: Treatment, video: dict[str, Any], muxers: tuple[str, ...]) -> Carried:
    """``video``: FFmpeg's options for the picture, ``c:v`` among them. ``muxers`` hold it, the first where the source's does not."""
    source = _source(clip)
    muxer = _muxer(clip, [part.codec for part in source.of_kind("sound")], muxers)
    exact = grid.of(clip) if muxer in BOXED and treatment.route is not Route.INTERPOLATE else None
    case = _Case(clip, treatment, source, muxer, exact)
    suffix = clip.path.suffix.lower()
    kept = tuple(part for part in source.others if _reason(part, case) is None)
    as_files = tuple(part for part in kept if part.kind == "cover" and muxer == "matroska")
    copied = tuple(part for part in kept if part not in as_files)
    along = Along(
        picture=source.picture,
        converted={part.selector: held.TEXT_SUBTITLES[muxer] for part in copied if not held.holds(muxer, part.kind, part.codec)},
        names={part.selector: part.name for part in copied},
        covers=as_files,
        tags=source.hidden if muxer in held.HAVE_TAGS else {},
        timecode=timecodes.of_result(source.timecode, clip, treatment),
        roles="+".join(role for role in source.roles if role != _SECOND_VIEW) or "0",
        has_chapters=bool(source.chapters) and not treatment.slow_motion,
        grid=exact,
    )
    return Carried(
        suffix=suffix if _MUXERS.get(suffix) == muxer else case.suffix,
        muxer=muxer,
        options=_muxer_options(case, video),
        streams=tuple(part.selector for part in copied),
        lost=tuple(_lost(case)),
        along=along,
    )


def _muxer(clip: Clip, sound: list[str], muxers: tuple[str, ...]) -> str:
    """The source's own where it holds picture and sound, else the first of the others that does; sound that none holds does not count."""
    family = _FAMILIES.get(clip.container, muxers[:1])
    wished = _MUXERS.get(clip.path.suffix.lower(), family[0])
    own = wished if wished in family else family[0]
    muxer = own if own in muxers else muxers[0]
    is_pcm = any(codec.startswith("pcm_") for codec in sound)
    if is_pcm and "mov" in muxers and (muxer == "mp4" or clip.container not in _FAMILIES):
        muxer = "mov"
    holdable = [codec for codec in sound if held.holds("matroska", "sound", codec)]
    return muxer if all(held.holds(muxer, "sound", codec) for codec in holdable) else "matroska"


def _muxer_options(case: _Case, video: dict[str, Any]) -> dict[str, Any]:
    if case.muxer not in BOXED:
        return {"f": case.muxer}
    keys = (*case.source.tags, *case.source.hidden)
    has_own_tags = any(key.split("-")[0] not in held.COMMON_TAGS and not inventories.is_muxers_own(key) for key in keys)
    options: dict[str, Any] = {"f": case.muxer, "movflags": "+faststart" + "+use_metadata_tags" * has_own_tags}
    if video["c:v"] == "libx265" or video["c:v"].startswith("hevc_"):
        options["tag:v:0"] = "hvc1"
    clock = case.exact.time_base if case.exact is not None else case.clip.time_base
    is_fine = case.clip.container.startswith("mov,") or clock.denominator >= _FINE_CLOCK
    ticks = math.lcm(clock.denominator, *(part.ticks for part in case.source.of_kind("video")))  # the option is for all video tracks
    if clock.numerator == 1 and is_fine and case.keeps_times and ticks < _MOST_TICKS:
        options["video_track_timescale"] = ticks
    return options


def _source(clip: Clip) -> _Source:
    if clip.excerpt is not None:
        return _Source()
    hidden = inventories.hidden_tags(clip.path)
    if not media.has_streams(clip):
        return _Source(hidden=hidden)
    with media.open_container(clip.path) as container:
        found = parts.of(container)
        texts = {part.selector for part in found.others if part.kind == "subtitle" and part.codec in inventories.TEXT_CODECS}
        known = parts.tags(container)
        return _Source(
            found.picture.selector,
            found.others,
            frozenset(inventories.with_markup(container, texts)) if texts else frozenset(),
            known,
            {key: value for key, value in hidden.items() if key not in known},
            parts.timecode(container, found),
            len(container.chapters()),
            parts.roles(found.picture.stream),
            {
                part.selector: said
                for part in found.others
                if part.codec == vobsub.CODEC and (said := vobsub.canvas(part.stream, clip.path))
            },
        )


def _reason(part: Part, case: _Case) -> str | None:
    """Why a part does not go along; None where it does."""
    if case.treatment.slow_motion and part.kind not in _TIMELESS:
        return _SLOW
    if held.holds(case.muxer, part.kind, part.codec):
        return None
    if part.kind == "subtitle" and part.codec in inventories.TEXT_CODECS and case.muxer in held.TEXT_SUBTITLES:
        return f"its style would be lost in {case.suffix}" if part.selector in case.source.markup else None
    return f"{case.suffix} does not hold it"


def _lost(case: _Case) -> Iterator[str]:
    source, suffix, slow = case.source, case.suffix, case.treatment.slow_motion
    for part in source.others:
        reason = _reason(part, case)
        if reason is not None:
            yield f"{part.name} is left out: {reason}"
    if case.muxer in _IN_MILLISECONDS and case.clip.container.startswith("mov,") and any(part.codec == "aac" for part in source.others):
        yield f"the first and last instants of AAC that an edit list hides may be heard: {suffix} has no edit lists"
    opus = [part for part in source.of_kind("sound") if part.codec == "opus" and _MATROSKA_TICK.denominator == part.ticks]
    if case.muxer in BOXED and opus and not slow:
        yield f"{ROUNDED} to 1 ms in the source: its Opus sound is heard up to 0.5 ms shorter at both ends"
    yield from _canvases(case)
    if source.chapters and (slow or case.muxer == "mpegts"):
        yield f"{CHAPTERS} are left out: {_SLOW if slow else f'{suffix} does not hold them'}"
    if _SECOND_VIEW in source.roles:
        yield f"marks of {PICTURE}: its second view (MV-HEVC) is left out, the first is repaired"
    if case.muxer not in held.HAVE_TAGS:
        if source.timecode:
            yield f"{TIMECODE} {source.timecode} is left out: {suffix} does not hold it"
        for key in source.tags:
            if not inventories.is_muxers_own(key):
                yield f"{tag_name(key)} is left out: {suffix} holds no tags"
    if case.exact is not None:
        yield f"{ROUNDED} in the source, whose clock is too coarse: here they are exact at {case.exact.rate} frames per second"
    if case.muxer in _IN_MILLISECONDS and (_is_rounded(case) or _has_finer_tracks(case)):
        yield f"{ROUNDED} to 1 ms, the clock of {suffix}: each by at most 0.5 ms, and nothing drifts"


def _canvases(case: _Case) -> Iterator[str]:
    """What changes of the pictures of VobSub between MP4, which has numbers for them, and others, which have a text."""
    is_boxed = case.clip.container.startswith("mov,")
    for part in case.source.others:
        said = case.source.canvases.get(part.selector)
        if said is None or _reason(part, case) is not None or is_boxed == (case.muxer in BOXED):
            continue
        if is_boxed and said.size is not None:
            yield f"{canvas_name(part.name)} ({'x'.join(map(str, said.size))}) is left out: FFmpeg gives {case.suffix} no size for it"
        elif not is_boxed:
            yield f"{colours_name(part.name)} are rounded by a level or two: {case.suffix} holds them as YUV"
            if said.size is None:
                yield f"{canvas_name(part.name)} is 720x480 in {case.suffix}: the source says none"


def _has_finer_tracks(case: _Case) -> bool:
    kept = (part for part in case.source.others if part.kind not in _TIMELESS and _reason(part, case) is None)
    return any(_MATROSKA_TICK.denominator % part.ticks for part in kept)


def tags(clip: Clip) -> dict[str, str]:
    """The texts of the source, without those that a muxer makes."""
    source = _source(clip)
    return {key: text for key, text in {**source.tags, **source.hidden}.items() if not inventories.is_muxers_own(key)}


def lost_in_frames(clip: Clip, what: str, *, keeps_tags: bool) -> Iterator[str]:
    """One sentence for each part of the source besides its picture, of a result that is pictures and nothing else."""
    source = _source(clip)
    for part in source.others:
        yield f"{part.name} is left out: {what} hold none"
    if source.chapters:
        yield f"{CHAPTERS} are left out: {what} hold none"
    if source.timecode:
        yield f"{TIMECODE} {source.timecode} is left out: {what} hold none"
    if source.picture is not None:
        yield f"name of {PICTURE} and marks of {PICTURE} are left out: {what} have neither"
    if not keeps_tags:
        for key in (*source.tags, *source.hidden):
            if not inventories.is_muxers_own(key):
                yield f"{tag_name(key)} is left out: {what} hold none"


def _is_rounded(case: _Case) -> bool:
    ticks = [case.clip.time_base / _MATROSKA_TICK]
    if not case.clip.variable_frame_rate and case.keeps_times:
        ticks = [ticks[0], 1 / case.clip.frame_rate / _MATROSKA_TICK]
    return all(each.denominator != 1 for each in ticks)
