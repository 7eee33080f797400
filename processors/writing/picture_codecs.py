"""Picture codecs: how the frames of a result are encoded, by profile. ``coders`` has the encoders, ``picture_needs`` what must be held.

Nothing of the picture is lost to its codec: a profile that cannot hold it is refused, ``match`` takes the next one that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ...config.errors import RouteRefused
from ...config.profiles import Profile
from .. import fields, media
from ..containers import video_stream
from ..records import Route
from . import coders
from .coders import Coder, FullRange
from .picture_needs import Colours, Layout, Need

if TYPE_CHECKING:
    from ..records import Clip, Treatment

_DEBANDED_DEPTH = 10  # bits: fewer undo it
_LARGE_PIXELS = 2560 * 1440
_LARGE_LOOKAHEAD_FRAMES = 10
_TOLD = "{title} files always tell a matrix: it is {matrix} where the source names none"
_RELABELLED = ",setparams=range=tv"
_ARTICLE_MUXERS = ("mp4", "mov", "matroska", "mpegts")
_SCALED = "the source has full-range levels, which {title} files do not tell: they are scaled to limited range, and look the same"
_BANDS_AGAIN = "8 bit brings back most of the banding that was removed: the profiles hevc10, prores, dnxhr and av1 keep it out"
_FEWER_BITS = "{title} can hold {had} bits, and the encoder takes {took} of them: the profile ffv1 keeps all"
_LOOKED_AT_PACKETS, _LEAST_PACKETS = 24, 6


@dataclass(frozen=True)
class Picture:
    """``description`` is for a person. ``muxers``: that hold it, the first where the source's does not."""

    pixel_format: str
    options: dict[str, Any]  # FFmpeg's, for the video
    description: str
    notes: tuple[str, ...] = ()
    muxers: tuple[str, ...] = _ARTICLE_MUXERS
    conversion: str = ""  # FFmpeg's filters that bring frames to ``pixel_format``; nothing: as FFmpeg does it


class _Taken(NamedTuple):
    coder: Coder
    pixel_format: str


def choose(clip: Clip, treatment: Treatment) -> Picture:
    """Raises RouteRefused where the result could not be what the source is."""
    if treatment.preset == "article" and not clip.has_alpha:
        options = {"c:v": "libx264", "crf": 18 if treatment.route is Route.INTERPOLATE else 16}
        lost = ("the article's command writes 4:2:0 chroma",) if "420" not in media.working_format(clip) else ()
        unnamed = ("the article's command names no matrix, primaries and transfer",) if media.delivered_color(clip) != clip.color else ()
        return Picture("yuv420p", options, f"H.264 8 bit, crf {options['crf']}, as the article has it", (*lost, *unnamed))
    debands = treatment.route in (Route.DEBAND, Route.DEBAND_SMOOTH)
    if treatment.profile is Profile.MATCH:
        return _matched(clip, debands=debands)
    need = Need.of(clip)
    taken = _first(coders.CODERS[treatment.profile], need)
    if taken is None:
        raise _refusal(clip, treatment.profile, need)
    notes = (_BANDS_AGAIN,) if debands and Layout.of(taken.pixel_format).depth < _DEBANDED_DEPTH else ()
    return _picture(clip, need, taken, notes)


def require(clip: Clip, profile: Profile) -> None:
    """Raises RouteRefused where the profile cannot hold the clip's picture."""
    need = Need.of(clip)
    if profile is not Profile.MATCH and _first(coders.CODERS[profile], need) is None:
        raise _refusal(clip, profile, need)


def _matched(clip: Clip, *, debands: bool) -> Picture:
    need = Need.of(clip, least_depth=_DEBANDED_DEPTH if debands else 0)
    family = coders.family(clip.codec)
    due = family.debanded if debands and family.debanded else family.coders
    taken = _first(due, need)
    if taken is None:
        raise RouteRefused(
            f"No codec here holds its {_listed(_losses(coders.FFV1, need))}. Export it with 16 bits or less.", path=clip.path
        )
    first = due[0]
    others = () if taken.coder.title.split()[0] == first.title.split()[0] else _losses(first, need)
    notes = (f"it is {taken.coder.title}, because {first.title} cannot hold its {_listed(others)}",) if others else ()
    every_frame = family.is_intra or taken.coder.is_intra or _is_all_intra(clip)
    if taken.coder.muxers[0] == "mp4":
        kept = ("matroska", *(muxer for muxer in taken.coder.muxers if muxer != "matroska"))
        taken = taken._replace(coder=replace(taken.coder, muxers=kept))
    return _picture(clip, need, taken, notes, every_frame=every_frame)


def _first(choices: Iterable[Coder], need: Need) -> _Taken | None:
    for coder in choices:
        fitting = [name for name, layout in _layouts(coder) if not _lost(coder, layout, need)]
        if fitting:
            return _Taken(coder, min(fitting, key=lambda name: need.cost(Layout.of(name))))
    return None


def _layouts(coder: Coder) -> Iterator[tuple[str, Layout]]:
    for name in coder.formats:
        layout = Layout.of(name)
        yield name, replace(layout, depth=min(layout.depth, coder.most_depth))


def _lost(coder: Coder, layout: Layout, need: Need) -> tuple[str, ...]:
    small = need.width < coder.least_size[0] or need.height < coder.least_size[1]
    size = (f"size {need.width}x{need.height} (the least is {coder.least_size[0]}x{coder.least_size[1]})",) if small else ()
    untold = coder.matrices and need.matrix is not None and need.matrix not in coder.matrices
    matrix = (f"{need.matrix} matrix",) if untold else ()
    woven = ("fields",) if need.is_interlaced and coder.encoder not in fields.WEAVES else ()
    layout = replace(layout, depth=need.layout.depth) if need.codec == coder.own_codec else layout
    return (*need.losses(layout, crops_whole_chroma=coder.crops_whole_chroma), *size, *matrix, *woven)


def _losses(coder: Coder, need: Need) -> tuple[str, ...]:
    """What is lost by the format of it that loses least."""
    return min((_lost(coder, layout, need) for _, layout in _layouts(coder)), key=len)


def _refusal(clip: Clip, profile: Profile, need: Need) -> RouteRefused:
    lost = min((_losses(coder, need) for coder in coders.CODERS[profile]), key=len)
    able = [each for each, choices in coders.CODERS.items() if not each.is_hardware and _first(choices, need)]
    remedy = f"Take {' or '.join((*able, Profile.MATCH))}." if able else "Take match."
    return RouteRefused(
        f"The profile {profile} cannot hold its {_listed(lost)}. {remedy}", path=clip.path, title="The profile cannot hold this clip"
    )


def _picture(clip: Clip, need: Need, taken: _Taken, notes: tuple[str, ...], *, every_frame: bool = False) -> Picture:
    coder, pixel_format = taken
    every_frame = every_frame and not coder.is_intra
    options = {"c:v": coder.encoder, **coder.options, **({"g": 1} if every_frame else {})}
    lookahead = {"rc-lookahead": _LARGE_LOOKAHEAD_FRAMES} if clip.width * clip.height > _LARGE_PIXELS else {}
    if coder.encoder == "libx264":
        options |= lookahead
    if coder.x265:
        options["x265-params"] = ":".join(f"{key}={value}" for key, value in {**coder.x265, **lookahead}.items())
    conversion, converted = _conversion(coder, pixel_format, need)
    if conversion.endswith(_RELABELLED):
        options["color_range"] = "pc"
    depth = "" if f"{Layout.of(pixel_format).depth} bit" in coder.title else f" {_depth(coder, pixel_format)} bit"
    alone = ", every frame by itself" if every_frame else ""
    described = f"{coder.title}{depth}{' with alpha' if Layout.of(pixel_format).has_alpha else ''}, {coder.settings}{alone}"
    return Picture(pixel_format, options, described, (*notes, *converted, *_held(coder, pixel_format, need)), coder.muxers, conversion)


def _depth(coder: Coder, pixel_format: str) -> int:
    return min(Layout.of(pixel_format).depth, coder.most_depth)


def _conversion(coder: Coder, pixel_format: str, need: Need) -> tuple[str, tuple[str, ...]]:
    """For levels of full range and colours of no named matrix, where the encoder's files say something else."""
    told = (_TOLD.format(title=coder.title, matrix=coder.matrices[0]),) if coder.matrices and need.matrix is None else ()
    if not need.is_full_range or Layout.of(pixel_format).colours is not Colours.YUV:  # all others are full range by themselves
        return "", told
    match coder.full_range:
        case FullRange.SCALED:
            return f"scale=out_range=tv,format={pixel_format}", (_SCALED.format(title=coder.title), *told)
        case FullRange.BY_CONTAINER:
            return f"format={pixel_format}{_RELABELLED}", told
        case FullRange.KEPT:
            return "", told


def _held(coder: Coder, pixel_format: str, need: Need) -> Iterator[str]:
    """What is held otherwise than it was, though all of it."""
    held, had = Layout.of(pixel_format), need.layout
    if held.colours is Colours.YUV is had.colours and held.steps != had.steps:
        odd = coder.crops_whole_chroma and (need.width % had.steps[0] or need.height % had.steps[1])
        why = (
            f"its odd size {need.width}x{need.height} needs {held.sampling} chroma, it had" if odd else f"it has {held.sampling} chroma for"
        )
        yield f"{why} {had.sampling}: nothing is lost"
    elif held.colours is not had.colours:
        yield f"the source is {had.sampling}; the result holds it as {held.sampling} {held.colours}"
    took = _depth(coder, pixel_format)
    if took < had.depth:
        yield _FEWER_BITS.format(title=coder.title, had=had.depth, took=took)


def _is_all_intra(clip: Clip) -> bool:
    """Whether its first packets are all key frames, as cameras write that are made for cutting."""
    if not media.has_streams(clip) or clip.codec not in ("h264", "hevc", "mpeg2video"):
        return False
    with media.open_container(clip.path) as container:
        stream = video_stream(container, clip.path)
        keys = [packet.is_keyframe for packet in islice(container.demux(stream), _LOOKED_AT_PACKETS) if packet.size]
    return len(keys) >= _LEAST_PACKETS and all(keys)


def _listed(names: Iterable[str]) -> str:
    return " and its ".join(names)
