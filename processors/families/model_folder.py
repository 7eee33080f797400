"""A folder in diffusers' format, looked at without loading anything: which pipeline it is, how large, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, cast

from .family import Family

INDEX = "model_index.json"
_DENOISERS = ("transformer", "unet")
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_LARGEST_JSON = 64 * 2**20  # the index of the largest models' shards has some hundred kilobytes


@dataclass(frozen=True)
class Look:
    pipeline: str | None  # class of diffusers
    size_bytes: int
    problem: str | None  # why it cannot be used, for a person; None: it is whole


def look(folder: Path) -> Look:
    """Never raises: what cannot be read is the problem. What loading would run is not looked for; ``guard.look`` does."""
    try:
        size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts)
        index = _json(folder / INDEX)
    except (OSError, ValueError) as error:
        return Look(None, 0, f"{INDEX} cannot be read: {error}")
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str):
        return Look(None, size_bytes, f"{INDEX} names no pipeline")
    try:
        return Look(pipeline, size_bytes, next(_problems(folder, index), None))
    except (OSError, ValueError) as error:
        return Look(pipeline, size_bytes, f"a file of it cannot be read: {error}")


def counted(folder: Path, family: Family) -> Family:
    """The family with the numbers of parameters that this very folder holds, as the headers of its weights tell, and as much work.

    Raises OSError, ValueError.
    """
    parts = {part.name: sum(map(_numbers, part.glob("*.safetensors"))) / 1e9 for part in folder.iterdir() if part.is_dir()}
    denoisers = sum(count for name, count in parts.items() if name.startswith(_DENOISERS))
    encoders = sum(count for name, count in parts.items() if "encoder" in name)
    work = family.pflop_per_step * denoisers / family.parameters
    return replace(family, parameters=denoisers, encoder_parameters=encoders, pflop_per_step=work)


def _numbers(weights: Path) -> int:
    """How many numbers a file of safetensors holds; its header is a length of 8 bytes and JSON."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LARGEST_JSON:
            raise ValueError(f"{weights.name} is no file of safetensors")
        try:
            header: Any = json.loads(file.read(length))
            return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
            raise ValueError(f"{weights.name} is no file of safetensors") from None


def _problems(folder: Path, index: dict[str, Any]) -> Iterator[str]:
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or not all(isinstance(word, str) for word in cast(list[Any], value)):
            continue  # an option, or a part that this model does without ([null, null])
        if Path(name).name != name:
            yield f"{INDEX} names a part outside the folder"
        part = folder / name
        if not part.is_dir():
            yield f"the folder {name} is missing"
        elif (part / "config.json").exists():  # a network; schedulers and tokenizers have files of other names
            yield from _problems_of_network(part)
        elif not any(part.glob("*config.json")):
            yield f"the folder {name} has no config.json"


def _problems_of_network(part: Path) -> Iterator[str]:
    weights = {path.name for path in part.iterdir() if path.suffix == ".safetensors" and path.exists()}  # a broken link does not exist
    indexes = [path for path in part.glob("*.safetensors.index*.json") if path.exists()]
    for index in indexes:
        shards: Any = _json(index).get("weight_map")
        if not isinstance(shards, dict):
            raise ValueError(f"{index.name} names no weights")
        wanted = {str(shard) for shard in cast(dict[str, Any], shards).values()}
        if missing := sorted(wanted - weights):
            yield f"{len(missing)} of {len(wanted)} weight files are missing in {part.name}: {missing[0]}"
    if weights or indexes:
        return
    if any(path.suffix in _PICKLES for path in part.iterdir()):
        yield f"{part.name} has pickle weights only, which can run code: deshimmer reads .safetensors"
    else:
        yield f"the weights of {part.name} are missing"


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _LARGEST_JSON:
        raise ValueError(f"{path.name} is too large")
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{path.name} is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} is no table")
    return cast(dict[str, Any], value)
