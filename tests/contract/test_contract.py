"""The contract: what an editor gives comes back cuttable. Inputs x routes x profiles, walked for real and read by a witness of its own.

This folder mirrors none: it stands beside the product, and takes nothing of it but the command. ``inputs`` makes files with properties that
are easily lost, ``witness`` reads files with ffprobe and PyAV, ``terms`` says what has to hold, ``allowed`` what may be otherwise and why.
Here are so few cells that each pair of input, route and profile is in one; ``python tests/bench/all.py contract`` walks all of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import allowed
import cells
import crew
import page
import pytest
import walking
from cells import Cell
from walking import Found
from witness import Facts

from deshimmer.processors.records import Route

if shutil.which("ffprobe") is None:
    pytest.skip("the witness is ffprobe: apt-get install ffmpeg", allow_module_level=True)

CELLS = cells.covering(cells.matrix(page.PROFILES))
_TIMEOUT_S = 280


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("contract")
    (made / "inputs").mkdir()
    return made


@pytest.fixture(scope="session")
def walked(folder: Path, request: pytest.FixtureRequest) -> Iterator[dict[Cell, Future[Found]]]:
    """The cells that are asked for, on their way."""
    wanted = [item.callspec.params["cell"] for item in request.session.items if "walked" in getattr(item, "fixturenames", ())]  # pyright: ignore
    with crew.crew(folder, wanted) as futures:
        yield futures


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cell(walked: dict[Cell, Future[Found]], cell: Cell) -> None:
    found = walked[cell].result(_TIMEOUT_S)
    owed = [allowed.pending(cell, breach.term) for breach in found.breaches]
    if owed and all(owed):
        pytest.xfail("; ".join(row.reason for row in owed if row is not None))
    assert found.breaches == ()
    assert found.status == "refused" or not any(row.holds(cell) for row in allowed.PENDING), "it is mended: take its row away"
    if cell.route is Route.KEEP:
        assert found.status in ("untouched", "refused")
    else:
        assert found.status == page.status(cell), "docs/contract.md is old: python tests/bench/all.py contract"


@pytest.mark.parametrize("name", cells.INPUTS)
def test_input_is_as_hard_as_it_says(folder: Path, name: str) -> None:
    made = cells.INPUTS[name]
    facts = walking.facts(name, folder / "inputs")
    assert len(facts.times) == made.frames
    assert {key: value for key, value in _told(facts).items() if key in made.says} == made.says


def _told(facts: Facts) -> dict[str, Any]:
    return {
        **{
            key: getattr(facts, key)
            for key in ("rate", "depth", "sampling", "colors", "timecode", "steps", "light", "pixel_aspect", "orientation")
        },
        **{key: getattr(facts, key) for key in ("size", "field_order", "has_alpha", "covers", "has_mastering", "dynamic")},
        "sound_codecs": tuple(each.codec for each in facts.sound),
        "subtitle_codecs": tuple(each.codec for each in facts.subtitles),
        "chapter_titles": tuple(title for _, _, title in facts.chapters),
        "attached": len(facts.attachments) + facts.covers,
        "offset_s": round(float(facts.sound[0].heard[0]), 4) if facts.sound else None,
        "tag": ("prompt", facts.tags.get("prompt")),
    }


def test_every_pair_is_covered() -> None:
    everything = cells.matrix(page.PROFILES)
    covered = {pair for cell in CELLS for pair in cells.pairs(cell)}
    assert covered == {pair for cell in everything for pair in cells.pairs(cell)}
    assert len(CELLS) < len(everything) / 2 or len(page.PROFILES) < 3
    assert {cell.route for cell in CELLS} == set(Route) - {Route.REGENERATE}


def test_every_exception_is_used() -> None:
    """A row that fits no cell is an excuse for nothing."""
    everything = cells.matrix(page.PROFILES)
    for row in (*allowed.REFUSALS, *allowed.LOSSES, *allowed.PENDING):
        if not {"*", *page.PROFILES} & set(row.profiles.split("|")):
            continue  # of a profile that is not here yet
        assert any(row.holds(cell) for cell in everything), row


def test_the_page_has_these_inputs_and_profiles() -> None:
    told = page.told()
    assert {cell.input for cell in told} == set(cells.INPUTS)
    assert {cell.profile for cell in told} == set(page.PROFILES)
