"""The report: one HTML file that needs nothing else, for a person who edits video.

Names and metadata come from files that nobody vouches for: the template escapes everything, and nothing outside the file is loaded.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ...config import whole
from ...config.errors import DeshimmerError
from .. import comparison, media
from ..records import Clip, Passage, Receipt, Route
from . import account, charts, pictures

_PAIRS = 3
_LONGEST_PX = 640
_PICTURE_BYTES = 1_000_000
_QUALITIES = (85, 72, 55, 35)
_DRAWN = re.compile(r"<!--\[(?P<part>\w+)\]-->.*?<!--\[/(?P=part)\]-->", re.DOTALL)
"""A part of a report that is drawn from curves and pictures, which are gone when it is written again."""


@dataclass(frozen=True)
class Pair:
    """One moment of source and result, as data URLs."""

    caption: str
    before: str
    after: str | None


def write(passage: Passage, receipt: Receipt, output: Path, comparison_name: str | None) -> None:
    """Write the report of a job to ``output``; it appears by rename. Raises OSError when the folder does not take it."""
    html = _template().render(**_content(passage, receipt, comparison_name))
    temporary = output.with_name(f"{output.name}.part")
    temporary.write_bytes(html.encode("utf-8", errors="replace"))  # a file name need not be text
    temporary.replace(output)


def write_again(passage: Passage, receipt: Receipt) -> None:
    """Make a job's report agree with its receipt as it is now; what was drawn in it stays. Nothing where its report was removed. Raises
    OSError.
    """
    if receipt.report is None or not receipt.report.is_file():
        return
    drawn = {match["part"]: match[0] for match in _DRAWN.finditer(receipt.report.read_text("utf-8", errors="replace"))}
    comparison_name = None if receipt.comparison is None else receipt.comparison.name
    html = _template().render(**account.told(passage, receipt), **_linked(comparison_name), **_UNDRAWN)
    whole.write(receipt.report, _DRAWN.sub(lambda match: drawn.get(match["part"], match[0]), html).encode("utf-8", errors="replace"))


@cache
def _template() -> Template:
    folder = Path(__file__).parent
    loader = FileSystemLoader(folder)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html")


def _content(passage: Passage, receipt: Receipt, comparison_name: str | None) -> dict[str, Any]:
    found, judged = passage.diagnosis, passage.verification
    before = pictures.read_curves(found.curves if found else None)
    after = pictures.read_curves(judged.curves) if judged and judged.curves and not _changes_rate(passage) else None
    pairs, slits = _pictures(passage, before)
    return {
        **account.told(passage, receipt),
        **_linked(comparison_name),
        "excerpt": _excerpt(passage),
        "charts": charts.band_charts(before, after, _cuts_s(passage)),
        "chart_size": (charts.WIDTH, charts.HEIGHT),
        "pairs": pairs,
        "slits": slits,
    }


_UNDRAWN: dict[str, Any] = {"excerpt": None, "charts": (), "chart_size": (0, 0), "pairs": (), "slits": None}


def _linked(comparison_name: str | None) -> dict[str, Any]:
    return {"comparison": None if comparison_name is None else quote(os.fsencode(comparison_name))}


def _changes_rate(passage: Passage) -> bool:
    made = passage.candidate
    return made is not None and (made.treatment.route is Route.INTERPOLATE or passage.clip is None or made.frames != passage.clip.frames)


def _excerpt(passage: Passage) -> str | None:
    if passage.clip is None or passage.clip.duration <= comparison.LONGEST_S:
        return None
    start, end = comparison.excerpt(passage.clip, passage.diagnosis.curves if passage.diagnosis else None)
    return f"It shows seconds {float(start):.0f} to {float(end):.0f}, where the clip flickers most."


def _cuts_s(passage: Passage) -> tuple[float, ...]:
    if passage.clip is None or passage.diagnosis is None:
        return ()
    return tuple(float(shot.start / passage.clip.frame_rate) for shot in passage.diagnosis.shots[1:])


def _pictures(passage: Passage, curves: pictures.Curves) -> tuple[tuple[Pair, ...], Pair | None]:
    """Key frames and slit-scan of the source, beside the result's where there is one that can be read."""
    clip = passage.clip
    if clip is None:
        return (), None
    wanted = pictures.telling_frames(curves, clip.frames, _PAIRS)
    slit = pictures.slit_range(curves, clip.frames)
    source = result = None
    with suppress(DeshimmerError):  # the source may be gone by now: the report then stands without pictures
        source = pictures.study(clip, wanted, _LONGEST_PX, slit=slit)
    if passage.candidate is not None and passage.candidate.path.exists():
        step = passage.candidate.treatment.factor if passage.candidate.treatment.route is Route.INTERPOLATE else 1
        with suppress(DeshimmerError):
            result = pictures.study(media.probe(passage.candidate.path), wanted, _LONGEST_PX, slit=slit, step=step)
    return _as_pairs(clip, source, result) if source is not None else ((), None)


def _as_pairs(clip: Clip, source: pictures.Study, result: pictures.Study | None) -> tuple[tuple[Pair, ...], Pair | None]:
    after = result.frames if result else {}
    shown = [*source.frames.values(), *after.values()]
    quality = next((each for each in _QUALITIES if _size(shown, each) <= _PICTURE_BYTES), _QUALITIES[-1])
    pairs = tuple(
        Pair(
            f"Frame {index}, {float(index / clip.frame_rate):.2f} s",
            _url(frame, quality),
            _url(after[index], quality) if index in after else None,
        )
        for index, frame in source.frames.items()
    )
    if source.slit is None:
        return pairs, None
    slit = result.slit if result else None
    return pairs, Pair(f"{clip.display_size[1]} lines", _url(source.slit, 80), None if slit is None else _url(slit, 80))


def _size(images: Iterable[pictures.Rgb], quality: int) -> int:
    return sum(len(pictures.jpeg(image, quality)) for image in images) * 4 // 3


def _url(picture: pictures.Rgb, quality: int) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(pictures.jpeg(picture, quality)).decode()}"
