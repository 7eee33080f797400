"""Text that nobody vouches for: bounded, cleaned and checked, field by field. Nothing of it is ever run.

What does not fit is dropped (None), never repaired: a seed that is no number is no seed.
"""

from __future__ import annotations

import json
import logging
import math
import re
from pathlib import Path
from typing import Any, cast

log = logging.getLogger(__name__)

MOST_BYTES = 4 << 20
"""Of one tag or one file. The largest graphs that were seen have a few hundred kB."""

MOST_DEPTH = 64
MOST_PROMPT = 20_000
MOST_NAME = 500
_MOST_DIGITS = 20  # of 2**64
_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,20})?")

# Controls, marks that turn the direction of writing, invisible tags, lone surrogates. Joiners stay: emoji and scripts need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")


class TooDeep(ValueError):
    """JSON that is nested deeper than any generator writes it."""


def clean(text: str, most: int = MOST_PROMPT) -> str:
    """Without controls and marks of direction, cut at ``most`` characters. Line breaks and tabs stay."""
    return _UNSEEN.sub("", text[: 2 * most].replace("\r\n", "\n").replace("\r", "\n"))[:most].strip()


def prompt(value: Any) -> str | None:
    """A prompt's text; None where it is no text. An empty one is a prompt too."""
    return clean(value) if isinstance(value, str) else None


def name(value: Any) -> str | None:
    """A name of a model, a file, a choice: one line."""
    return clean(value, MOST_NAME).replace("\n", " ") or None if isinstance(value, str) else None


def number(value: Any, least: float, most: float) -> float | None:
    """A finite number within the limits; text that is one counts."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if least <= value <= most and math.isfinite(value) else None


def integer(value: Any, least: int, most: int) -> int | None:
    """A whole number within the limits; 30.0 and "30" count."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if least <= value <= most else None


def mapping(value: Any) -> dict[str, Any]:
    """The value as JSON's object; empty where it is none."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value as JSON's array; empty where it is none."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def parsed(text: str | bytes) -> Any:
    """JSON's value; None where it is none, or too large or too deep. NaN, Infinity and endless numbers in it are None."""
    if len(text) > MOST_BYTES:
        return None
    try:
        value = json.loads(text, parse_constant=_nothing, parse_int=_whole, parse_float=_finite)
        return _tamed(value, 0)
    except (ValueError, RecursionError):
        return None


def json_object(text: str | bytes) -> dict[str, Any]:
    """``parsed``, where it is an object; empty otherwise."""
    return mapping(parsed(text))


def beside(path: Path, file_name: str, folder: Path) -> Path | None:
    """The file of this name in the folder of ``path``; None where there is none, or it leads out of ``folder``."""
    if not file_name or len(file_name) > 255 or file_name in (".", "..") or any(mark in file_name for mark in "/\\\0"):
        return None
    try:
        real = (path.parent / file_name).resolve(strict=True)
        inside = real.is_file() and real.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return None
    if not inside:
        log.info("%s beside %s is passed over: it leads out of the folder, or is no file", file_name, path.name)
        return None
    return path.parent / file_name


def content(path: Path) -> bytes | None:
    """The file's bytes; None where it cannot be read or is larger than ``MOST_BYTES``."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        log.info("%s is passed over: %s", path, error)
        return None
    if len(data) > MOST_BYTES:
        log.info("%s is passed over: it is larger than a prompt can be", path)
        return None
    return data


def file_beside(path: Path, file_name: str, folder: Path) -> bytes | None:
    """What stands in the file of this name beside the clip, by the rules of ``beside`` and ``content``."""
    found = beside(path, file_name, folder)
    return None if found is None else content(found)


def as_text(data: bytes) -> str | None:
    """UTF-8, with or without its mark; None where it is not text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _nothing(_: str) -> None:
    return None


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS + 1 else None


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _tamed(value: Any, depth: int) -> Any:
    """The value without lone surrogates, which no file and no network takes."""
    if depth > MOST_DEPTH:
        raise TooDeep
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATES.sub("", value)
    if isinstance(value, list):
        return [_tamed(item, depth + 1) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {_tamed(key, 0): _tamed(item, depth + 1) for key, item in cast("dict[str, Any]", value).items()}
    return value
