"""The families as a table for people: what docs/regeneration.md holds."""

from __future__ import annotations

from . import table
from .family import Family

_HEAD = (
    "| family | renders from | sides (multiple) | frames | at most | steps (its own, at least) | guidance | strength over video "
    "| parameters, thousand millions | its encoder's | PFLOP a step | figures of |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n"
)


def families() -> str:
    """Markdown, a row a family."""
    return _HEAD + "".join(_row(family) for family in table.ALL)


def _row(family: Family) -> str:
    sides = ", ".join(f"{width}x{height}" for width, height in family.sizes)
    if family.least_long_side is not None:
        sides += f", any longer side from {family.least_long_side}"
    counts = "any" if family.frame_step == 1 else f"{family.frame_step}n + {family.frame_offset}"
    cells = (
        family.name,
        ", ".join(family.pipelines),
        f"{sides} ({family.multiple})",
        f"{counts}, its own {family.num_frames}",
        str(family.most_frames),
        f"{family.steps}, {family.least_steps}",
        f"{family.guidance:g}",
        "-" if family.strength is None else f"{family.strength:g}",
        f"{family.parameters:g}",
        f"{family.encoder_parameters:g}",
        f"{family.pflop_per_step:g}",
        family.source,
    )
    return f"| {' | '.join(cells)} |\n"
