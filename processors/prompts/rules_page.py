"""The rules of lint as a table for people: what docs/lint.md holds."""

from __future__ import annotations

from itertools import groupby

from .rules import ANY, CARD, NONE_NEEDED, RULES, Rule

_HEAD = "| rule | for | severity | parameter | speaks when | we would use | source |\n|---|---|---|---|---|---|---|\n"


def table() -> str:
    """Markdown, a row a rule; rows that differ in the parameter alone are one."""
    rows = (list(same) for _, same in groupby(RULES, key=lambda rule: (rule.name, rule.families, rule.when)))
    return _HEAD + "".join(_row(same) for same in rows)


def _row(same: list[Rule]) -> str:
    rule = same[0]
    fields = ", ".join(f"`{each.field}`" for each in same)
    cells = (
        f"`{rule.name}`",
        _families(rule),
        rule.severity.value,
        fields,
        rule.when,
        rule.use,
        rule.source.replace(CARD, "the model's card"),
    )
    return f"| {' | '.join(cells)} |\n"


def _families(rule: Rule) -> str:
    if NONE_NEEDED in rule.families:
        return "all"
    return "every known family" if ANY in rule.families else ", ".join(glob.rstrip("*") for glob in rule.families)
