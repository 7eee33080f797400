"""The settings form without a browser: fields out of the model, changes out of what was typed."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from starlette.datastructures import FormData

from deshimmer.config.settings import Settings
from deshimmer.daemon.page.settings_fields import Field, Section
from deshimmer.daemon.page.settings_form import Sheet, form_of, typed


def sheet(fixed: dict[str, str] | None = None, **values: Any) -> Sheet:
    settings = Settings.model_validate({"hot_folders": [{"path": "/renders", "priority": 5}], **values})
    return Sheet("/settings.toml", "text", settings.model_dump(mode="json"), fixed or {})


def as_sent(sections: tuple[Section, ...]) -> list[tuple[str, str]]:
    """What a browser sends of these fields when nobody touched them."""
    pairs: list[tuple[str, str]] = []
    for field in (field for section in sections for field in section.fields if not field.fixed_by):
        if field.kind == "check":
            pairs += [(field.key, "on")] if field.value else []
        elif field.kind == "choices":
            pairs += [(field.key, option) for option in field.value]
        elif field.kind != "other":
            pairs.append((field.key, field.text))
    return pairs


def sent(of: Sheet, **changes: str | None) -> FormData:
    form = form_of(of)
    pairs = dict.fromkeys(key for key, _ in as_sent((*form.sections, *form.folders)))
    values = [(key, value) for key, value in as_sent((*form.sections, *form.folders)) if key.replace(".", "__") not in changes]
    assert pairs
    values += [(key.replace("__", "."), value) for key, value in changes.items() if value is not None]
    return FormData(parse_qsl(urlencode(values), keep_blank_values=True))


def by_key(of: Sheet) -> dict[str, Field]:
    form = form_of(of)
    return {field.key: field for section in (*form.sections, *form.folders) for field in section.fields}


def test_every_key_of_the_model_has_a_field_that_can_be_edited() -> None:
    fields = by_key(sheet())
    for name, info in Settings.model_fields.items():
        if name != "hot_folders":
            for key in info.get_default().model_dump():
                assert fields[f"{name}.{key}"].kind != "other", key
    kinds = {key: fields[key].kind for key in ("queue.cpu_jobs", "intake.quiet_s", "models.interpolator", "models.rife")}
    assert kinds == {"queue.cpu_jobs": "integer", "intake.quiet_s": "number", "models.interpolator": "choice", "models.rife": "text"}
    folder = [fields[f"hot_folders.0.{key}"].kind for key in ("routes", "ignore", "comparison", "path")]
    assert folder == ["choices", "lines", "check", "text"]
    strength = fields["repair.strength"]
    assert (strength.least, strength.most, strength.text, fields["intake.quiet_s"].unit) == (0, 2, "1", "seconds")


def test_what_nobody_touched_is_no_change() -> None:
    asked = typed(sheet(), sent(sheet()))
    assert (asked.changes, asked.hot_folders, asked.errors) == ({}, None, {})


CHANGES = [
    ({"intake__quiet_s": "0.5"}, {"intake.quiet_s": 0.5}),
    ({"repair__strength": ""}, {"repair.strength": None}),
    ({"queue__cpu_jobs": "2", "tools__ffmpeg": "/usr/bin/ffmpeg"}, {"queue.cpu_jobs": 2, "tools.ffmpeg": "/usr/bin/ffmpeg"}),
]


@pytest.mark.parametrize(("changes", "expected"), CHANGES)
def test_only_what_differs_becomes_a_change(changes: dict[str, str], expected: dict[str, Any]) -> None:
    of = sheet(repair={"strength": 1.5})
    asked = typed(of, sent(of, **changes))
    assert (asked.changes, asked.hot_folders, asked.errors) == (expected, None, {})


WRONG = [
    ({"intake__quiet_s": "soon"}, {"intake.quiet_s": "Give a number"}),
    ({"queue__cpu_jobs": "1.5"}, {"queue.cpu_jobs": "Give a whole number"}),
    (
        {"intake__rescan_s": "0", "repair__strength": "9"},
        {"intake.rescan_s": "greater than 0", "repair.strength": "less than or equal to 2"},
    ),
    ({"models__rife": "weights.pkl"}, {"models.rife": "Give the whole path"}),
    ({"models__interpolator": "film"}, {"models": "needs the key models.film"}),
    ({"hot_folders__0__path": ""}, {"hot_folders.0.path": "required"}),
    ({"hot_folders__0__name": "always.mp4"}, {"hot_folders.0.name": "pattern"}),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_what_does_not_fit_is_told_at_its_place(changes: dict[str, str], expected: dict[str, str]) -> None:
    asked = typed(sheet(), sent(sheet(), **changes))
    assert list(asked.errors) == list(expected)
    assert all(words in asked.errors[key] for key, words in expected.items())
    shown = [section.error for section in asked.form.sections] + [
        field.error for section in (*asked.form.sections, *asked.form.folders) for field in section.fields
    ]
    assert sorted(filter(None, shown)) == sorted(asked.errors.values())
    assert (asked.form.problems, asked.form.error) == (len(expected), None)


def test_hot_folders_are_given_whole_without_defaults() -> None:
    asked = typed(sheet(), sent(sheet(), hot_folders__3__path="/more", hot_folders__3__routes="deband", hot_folders__3__priority=""))
    assert asked.hot_folders is not None
    assert asked.hot_folders[0] == {"path": "/renders", "priority": 5}
    assert asked.hot_folders[1] == {"path": "/more", "routes": ["deband"], "comparison": False}
    gone = typed(sheet(), FormData([pair for pair in sent(sheet()).multi_items() if not pair[0].startswith("hot_folders")]))
    assert gone.hot_folders == []


def test_what_something_else_decides_is_left_alone() -> None:
    of = sheet({"intake.quiet_s": "the environment variable DESHIMMER_INTAKE__QUIET_S"})
    assert by_key(of)["intake.quiet_s"].fixed_by
    assert typed(of, sent(of, intake__quiet_s="9")).changes == {}


def test_words_are_spelled_as_a_person_does() -> None:
    fields = by_key(sheet())
    words = {
        key: fields[key].word for key in ("queue.cpu_jobs", "courtesy.gpu_memory", "models.comfyui", "models.rife_ncnn", "tools.ffmpeg")
    }
    assert list(words.values()) == ["CPU jobs", "GPU memory", "ComfyUI", "RIFE ncnn", "FFmpeg"]
    assert not [field.word for field in fields.values() if field.word.split()[0] in ("Cpu", "Gpu", "Comfyui", "Rife", "Ffmpeg")]


def test_hot_folders_that_the_command_line_sets_are_shown_and_locked() -> None:
    form = form_of(sheet({"hot_folders": '--set hot_folders=[{path="/renders"}]'})._replace(watched=("/renders", "/more")))
    assert form.folders == ()
    assert form.folders_fixed
    assert form.given == (("/renders", "set by --set hot_folders"), ("/more", "given on the command line"))


def test_saving_leaves_hot_folders_that_are_locked_alone() -> None:
    of = sheet({"hot_folders": "--set hot_folders=[]"})
    assert typed(of, sent(of, repair__strength="0.8"))[1:] == ({"repair.strength": 0.8}, None, {})
