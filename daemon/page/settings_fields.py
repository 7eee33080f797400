"""Form fields out of the settings' model, and values out of a form: a key that is added there appears here by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from starlette.datastructures import FormData

from ...config.settings import HotFolder, Settings

_UNITS = {"s": "seconds", "gb": "GB", "mb": "MB", "minutes": "minutes", "percent": "%"}


class Unfit(ValueError):
    """What was typed is no value of this kind; the message says what would be."""


@dataclass(frozen=True)
class Field:
    """One key as a form shows it. ``kind``: text, integer, number, check, choice, choices, lines, or other (only the file can say it)."""

    key: str  # dotted, as in the file
    word: str
    unit: str
    help: str
    kind: str
    options: tuple[str, ...]
    value: Any
    default: Any
    least: float | None = None
    most: float | None = None
    error: str = ""
    needed: bool = False
    fixed_by: str = ""  # what decides in the file's place

    @property
    def id(self) -> str:
        return self.key.replace(".", "-")

    @property
    def text(self) -> str:
        """The value as an input holds it."""
        return "\n".join(self.value) if self.kind == "lines" else _written(self.value)

    @property
    def default_text(self) -> str:
        return _written(self.default)


@dataclass(frozen=True)
class Section:
    key: str
    word: str
    help: str
    fields: tuple[Field, ...]
    error: str = ""  # of fields that do not go together


def sections(values: Mapping[str, Any], fixed: Mapping[str, str]) -> list[Section]:
    """All sections of the settings but the hot folders. ``values``: by section. ``fixed``: keys that the file cannot change."""
    return [
        Section(name, _word(name), _own_docstring(model), tuple(fields_of(model, f"{name}.", values.get(name) or {}, fixed)))
        for name, model in _models()
    ]


def hot_folder(index: int, values: Mapping[str, Any]) -> Section:
    """The fields of one hot folder; ``index`` stands in their keys."""
    return Section(str(index), "", "", tuple(fields_of(HotFolder, f"hot_folders.{index}.", values)))


def fields_of(
    model: type[BaseModel], prefix: str, values: Mapping[str, Any], fixed: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        field = _field(f"{prefix}{name}", name, info, values)
        yield replace(field, fixed_by=fixed.get(field.key, ""))


def read(field: Field, form: FormData) -> Any:
    """What the form says of a field; None: nothing, so that the default holds. Raises Unfit."""
    return _READERS[field.kind](field, form)


def with_form(field: Field, form: FormData, errors: Mapping[str, str]) -> Field:
    """The field as the user left it, with what is wrong with it."""
    if field.fixed_by:
        return field
    typed = form.getlist(field.key)
    kept: dict[str, Any] = {"check": field.key in form, "choices": tuple(typed), "lines": tuple(str(form.get(field.key, "")).splitlines())}
    return replace(field, value=kept.get(field.kind, form.get(field.key, field.value)), error=errors.get(field.key, ""))


def _field(key: str, name: str, info: FieldInfo, values: Mapping[str, Any]) -> Field:
    kind, options = _kind(info.annotation)
    bare, _, unit = name.rpartition("_")
    has_unit = bool(bare) and unit in _UNITS
    default = None if info.is_required() else info.get_default()
    return Field(
        key=key,
        word=_word(bare if has_unit else name),
        unit=_UNITS[unit] if has_unit else "",
        help=info.description or "",
        kind=kind,
        options=options,
        value=values.get(name, default),
        default=default,
        least=_bound(info, "ge", "gt"),
        most=_bound(info, "le", "lt"),
        needed=info.is_required(),
    )


def _models() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield name, info.annotation


def _kind(annotation: Any) -> tuple[str, tuple[str, ...]]:
    annotation = _bare(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "choice", tuple(map(str, arguments))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return "choice", tuple(map(str, annotation))
    if origin is tuple:
        element = _bare(arguments[0])
        return ("choices", tuple(map(str, get_args(element)))) if get_origin(element) is Literal else ("lines", ())
    return ("other" if origin is not None or annotation is dict else _PLAIN_KINDS.get(annotation, "text")), ()


_PLAIN_KINDS: dict[Any, str] = {bool: "check", int: "integer", float: "number"}


def _written(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _bare(annotation: Any) -> Any:
    """Without Annotated and without "or None"."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        rest = [each for each in get_args(annotation) if each is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else annotation
    return annotation


def _bound(info: FieldInfo, *names: str) -> float | None:
    return next((getattr(each, name) for each in info.metadata for name in names if hasattr(each, name)), None)


_SPELLED = {
    "cpu": "CPU",
    "gpu": "GPU",
    "comfyui": "ComfyUI",
    "ffmpeg": "FFmpeg",
    "fps": "FPS",
    "rife": "RIFE",
    "film": "FILM",
    "vulkan": "Vulkan",
}
"""Parts of keys as a person writes them."""


def _word(name: str) -> str:
    first, *rest = name.split("_")
    return " ".join((_SPELLED.get(first, first.capitalize()), *(_SPELLED.get(part, part) for part in rest)))


def _own_docstring(model: type[BaseModel]) -> str:
    return (vars(model).get("__doc__") or "").strip()


def _text(field: Field, form: FormData) -> str | None:
    return str(form.get(field.key, "")).strip() or None


def _number(make: Callable[[str], float], words: str) -> Callable[[Field, FormData], float | None]:
    def number(field: Field, form: FormData) -> float | None:
        text = _text(field, form)
        try:
            return None if text is None else make(text)
        except ValueError:
            raise Unfit(words) from None

    return number


_READERS: dict[str, Callable[[Field, FormData], Any]] = {
    "text": _text,
    "choice": _text,
    "integer": _number(int, "Give a whole number."),
    "number": _number(float, "Give a number, with a point for decimals."),
    "check": lambda field, form: field.key in form,
    "choices": lambda field, form: [str(each) for each in form.getlist(field.key)],
    "lines": lambda field, form: [line.strip() for line in str(form.get(field.key, "")).splitlines() if line.strip()],
    "other": lambda field, form: field.value,
}
