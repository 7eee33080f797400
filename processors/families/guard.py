"""What a folder of weights must be before anything of it is loaded: a pipeline of its family, in safetensors, without code.

Nothing here imports torch. Pickles run code when they are loaded, and so do a model's own modules. Lists of models, ``models add`` and
rendering all ask here, so that what is listed as whole is not refused later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any, cast

from ...config.errors import DeshimmerError
from . import model_folder, table
from .adapter import Adapter
from .family import Family

INDEX = model_folder.INDEX

_LIBRARIES = ("diffusers", "transformers")
_SCHEDULERS = "*Scheduler"
_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth", "*.pkl", "*.pickle")
_LARGEST_BYTES = 1 << 20
_CONFIGS = ("config.json", "tokenizer_config.json", "preprocessor_config.json", "scheduler_config.json")


class RefusedModel(DeshimmerError):
    title = "The model is refused"


def require_safe(folder: Path, family: Family, adapter: Adapter) -> str:
    """The class of diffusers that the folder names. Raises RefusedModel, which says what is wrong and what to do."""
    seen = model_folder.look(folder)
    problem = _problem(folder, seen, family, adapter)
    if problem is not None:
        raise RefusedModel(
            f"Nothing of it was loaded: {problem}. Use the model's own folder in diffusers' format, in safetensors.", path=folder
        )
    return str(seen.pipeline)


def look(folder: Path, name: str) -> model_folder.Look:
    """The model ``name``, with what rendering would refuse it for as its problem. Of a family that we do not know only what is missing is
    told: nothing renders with it. Never raises.
    """
    seen = model_folder.look(folder)
    family = table.family_of(name, seen.pipeline)
    return seen if family is None else replace(seen, problem=_problem(folder, seen, family, table.ADAPTERS[family.name]))


def parts(index: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """(library, class) of each part that a model_index.json names; parts that the model does without are left out."""
    pairs = {name: cast(list[Any], value) for name, value in index.items() if isinstance(value, list) and not name.startswith("_")}
    return {name: (pair[0], pair[1]) if len(pair) == 2 else (None, "?") for name, pair in pairs.items() if any(pair)}


def _problem(folder: Path, seen: model_folder.Look, family: Family, adapter: Adapter) -> str | None:
    if seen.pipeline is None:
        return seen.problem
    if seen.pipeline not in family.pipelines.values():
        return f"{INDEX} names the pipeline {seen.pipeline!r}, and {family.name} has {', '.join(family.pipelines.values())}"
    try:
        problems = chain(_of_parts(folder, _json(folder / INDEX), adapter), _of_files(folder))
        return next(problems, None) or seen.problem
    except (OSError, ValueError) as error:
        return str(error)


def _of_parts(folder: Path, index: dict[str, Any], adapter: Adapter) -> Iterator[str]:
    for name, (library, kind) in parts(index).items():
        if Path(name).name != name or name in ("", ".", ".."):
            yield f"{INDEX} names a part outside the folder: {name!r}"
        if library not in _LIBRARIES:
            yield f"its part {name} is made by code of its own ({library!r}); deshimmer runs diffusers' and transformers' only"
        is_scheduler = library == "diffusers" and fnmatchcase(str(kind), _SCHEDULERS)
        if kind not in adapter.classes and not is_scheduler:
            yield f"its part {name} is a {kind!r}, which this family has none of"
        if not (folder / name).is_dir():
            yield f"the folder {name} is missing"


def _of_files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        yield f"it holds code ({path.relative_to(folder)})"
    for path in (path for name in _CONFIGS for path in sorted(folder.rglob(name))):
        if "auto_map" in _json(path):
            yield f"{path.relative_to(folder)} asks for code of its own (auto_map)"
    for part in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        pickles = sorted(path.name for pattern in _PICKLES for path in part.glob(pattern))
        if pickles and not any(part.glob("*.safetensors")):
            yield f"the weights of {part.name} are pickled ({pickles[0]}), and loading them can run any code"


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ValueError("it is too large")
        value: object = json.loads(path.read_text("utf-8"))
        if not isinstance(value, dict):
            raise ValueError("it is no object")
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None
    return cast(dict[str, Any], value)
