"""A diagnosis of one clip on a terminal: verdict, what it is and what would be done; then bands, causes and shots. 80 columns suffice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..processors.records import VERDICT_WORDS, Band
from ..processors.reports.charts import title
from . import diagnosis_words as words
from .show import one_line

_LEAST_SCALE = 4.0
"""8-bit levels that fill a band's bar: a clip that hardly flickers shall not look as if it did."""
_SCORE_CELLS, _BAND_CELLS, _SHOT_CELLS = 20, 10, 8
_MOST_SHOTS = 12
_INDENT = (0, 0, 0, 2)


def block(record: Mapping[str, Any], name: str) -> Group:
    """What ``diagnose`` found on one clip. ``name``: without control characters."""
    parts: Iterator[RenderableType] = chain(
        (Text(f"{name}  {_size(record)}", style="bold"), Text(""), _facts(record), Text("")),
        (Padding(_bands(record), _INDENT),),
        _causes(record),
        _parameters(record),
        _shots(record),
    )
    return Group(*parts)


def _size(record: Mapping[str, Any]) -> str:
    shots = f", {len(record['shots'])} shots" if len(record["shots"]) > 1 else ""
    frames = f"{record['frames']} frame{'' if record['frames'] == 1 else 's'}"
    return f"({record['width']}x{record['height']}, {frames} at {record['fps']:.4g} fps, {record['seconds']:.1f} s{shots})"


def _facts(record: Mapping[str, Any]) -> Table:
    score, damage = record["flicker_score"], record["amounts"].get("codec", 0.0)
    verdict, route = record["verdict"], record["route"]
    worst = words.worst_second(record)
    facts = (
        ("Verdict", Text.assemble((verdict, "bold"), f": {VERDICT_WORDS[verdict].means}"), True),
        ("Flicker", _gauge(score, words.strength(score)), True),
        ("Damage", _gauge(damage, "by compression"), verdict == "codec"),
        ("Sure", Text(f"{record['confidence']:.0%}, {words.sureness(record['confidence'])}"), True),
        ("Seen", Text(record["summary"]), True),
        ("Repair", Text.assemble((route, "bold"), f": {words.route_words(verdict, route)}"), True),
        ("Worst", worst and Text(_where(worst, record["fps"])), worst is not None),
    )
    table = _plain()
    for heading, text, is_shown in facts:
        if is_shown and text is not None:
            table.add_row(heading, text)
    return table


def _gauge(part: float, meaning: str) -> Text:
    return Text(f"{words.bar(part, _SCORE_CELLS)} {part:.2f} of 1, {meaning}")


def _where(place: words.Place, fps: float) -> str:
    return f"{place.start / fps:.1f}-{(place.end + 1) / fps:.1f} s (frames {place.start}-{place.end})"


def _bands(record: Mapping[str, Any]) -> Table:
    bands = [(band, record["bands"][band]) for band in Band if band in record["bands"]]
    full = max([_LEAST_SCALE, *(reading["amplitude"] for _, reading in bands)])
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("What was measured", "Levels of 255", "", "From frame to frame"):
        table.add_column(heading, justify="right" if heading.startswith("Levels") else "left", no_wrap=True)
    for band, reading in bands:
        amplitude, correlation = reading["amplitude"], reading["correlation"]
        meaning = words.correlation_words(band, amplitude, correlation)
        table.add_row(title(band), f"{amplitude:.1f}", words.bar(amplitude / full, _BAND_CELLS), meaning)
    return table


def _causes(record: Mapping[str, Any]) -> Iterator[RenderableType]:
    groups = words.grouped(record["causes"])
    if groups:
        yield Text("\n  Causes", style="bold")
    for group in groups:
        everywhere = group.places == (words.Place(0, record["frames"] - 1),)
        where = "all through" if everywhere else f"{group.frames()} ({group.seconds(record['fps'])})"
        head = Text.assemble((group.name.capitalize(), "bold"), f", {where}: {group.size()}")
        yield Padding(head, _INDENT)
        yield Padding(Text(group.advice), (0, 0, 0, 6))


def _parameters(record: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What is wrong with the stored prompt."""
    if record["lint"]:
        yield Text("\n  Stored prompt", style="bold")
    for found in record["lint"]:
        yield Padding(Text.assemble((found["severity"].capitalize(), "bold"), f", {found['rule']}"), _INDENT)
        yield Padding(Text(one_line(f"{found['message']} ({found['source']})")), (0, 0, 0, 6))


def _shots(record: Mapping[str, Any]) -> Iterator[RenderableType]:
    """A line a shot, where their verdicts differ; of very many, those that flicker."""
    shots = record["shots"]
    if len({shot["verdict"] for shot in shots}) < 2:
        return
    shown = shots if len(shots) <= _MOST_SHOTS else [shot for shot in shots if shot["verdict"] != "clean"][:_MOST_SHOTS]
    yield Text("\n  Shots", style="bold")
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for shot in shown:
        score = shot["flicker_score"]
        table.add_row(
            f"{shot['start'] / record['fps']:.1f}-{shot['end'] / record['fps']:.1f} s",
            f"frames {shot['start']}-{shot['end'] - 1}",
            shot["verdict"],
            f"{words.bar(score, _SHOT_CELLS)} {score:.2f}",
            shot["route"],
        )
    yield Padding(table, _INDENT)
    if len(shown) < len(shots):
        yield Text(f"  and {len(shots) - len(shown)} more: --json has all of them")


def _plain() -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table
