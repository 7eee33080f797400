"""A model fetched from the Hugging Face Hub into our own folder: safetensors and settings only, whole or not at all.

A download that breaks off goes on where it was, the next time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...config import locks, paths
from ...config.errors import CannotWrite, NotSetUp
from ...config.settings import Settings
from . import entries, fetching_failures, guard, model_folder, table
from .fetching_failures import TITLE

KEPT = ("*.safetensors", "*.safetensors.index*.json", "*.json", "*.txt", "*.model")
"""Weights, settings and tokenizers. No pickles and no code."""
_PRECISION = re.compile(r"\.(fp16|bf16)(?=[.-])")


def place(hub_id: str) -> Path:
    """Where the model ``ORG/NAME`` lies once it was fetched."""
    return paths.models_dir() / hub_id


def fetch(hub_id: str, revision: str | None, settings: Settings, tell: Callable[[str], None] = lambda words: None) -> Path:
    """Fetch it and return its folder. ``tell`` hears what is fetched, and how large it is. What is here already is not fetched again.

    Raises NotSetUp where downloads are not allowed, huggingface_hub is absent or the Hub wants to know who asks, CannotWrite where the disk
    has no room, ToolFailed for what the network or the Hub does.
    """
    _require(settings)
    desk = paths.made_models_dir() / entries.PARTIAL
    with locks.holding(desk / f"{hub_id.replace('/', '--')}.lock", f"waiting: another deshimmer of yours fetches {hub_id}"):
        return _fetch(hub_id, revision, settings, tell, desk / hub_id)


def _fetch(hub_id: str, revision: str | None, settings: Settings, tell: Callable[[str], None], partial: Path) -> Path:
    _put_back(hub_id, partial)
    with fetching_failures.translated(hub_id, revision):
        from huggingface_hub import HfApi
        from huggingface_hub import snapshot_download as download  # pyright: ignore[reportUnknownVariableType]  # a wide overload

        info: Any = HfApi().model_info(hub_id, revision=revision, files_metadata=True)
        commit = str(info.sha)
        if _is_here(hub_id, commit):
            tell(f"{hub_id} is here already")
            return place(hub_id)
        files = _kept(hub_id, {str(each.rfilename): int(each.size or 0) for each in info.siblings})
        _prepare(partial, hub_id, commit)
        download(hub_id, revision=commit, local_dir=partial, allow_patterns=[model_folder.INDEX])
        _require_known(hub_id, partial)
        _require_room(hub_id, sum(files.values()), partial, settings)
        tell(f"fetching {hub_id}, {sum(files.values()) / 1e9:.1f} GB")
        download(hub_id, revision=commit, local_dir=partial, allow_patterns=list(files))
    if problem := guard.look(partial, hub_id).problem:
        raise NotSetUp(f"{hub_id} was fetched, but {problem}. Choose a model in diffusers' format.", path=partial, title=TITLE)
    _deliver(hub_id, partial)
    return place(hub_id)


def _is_here(hub_id: str, commit: str) -> bool:
    return _commit_of(place(hub_id)) == commit and guard.look(place(hub_id), hub_id).problem is None


def _commit_of(folder: Path) -> str | None:
    return entries.entry(folder, paths.models_dir()).revision


def _prepare(partial: Path, hub_id: str, commit: str) -> None:
    """Of another commit nothing is kept: where the Hub does not answer for a file, huggingface_hub takes the one that lies there. Weights
    of this very commit that are in the model's place, which misses others, need not come again.
    """
    if _commit_of(partial) != commit:
        shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, exist_ok=True)
    (partial / entries.ORIGIN).write_text(json.dumps({"name": hub_id, "revision": commit}), encoding="utf-8")
    if _commit_of(place(hub_id)) == commit:
        for weights in place(hub_id).rglob("*.safetensors"):
            twin = partial / weights.relative_to(place(hub_id))
            with contextlib.suppress(OSError):  # a file system without links: they come again
                twin.parent.mkdir(parents=True, exist_ok=True)
                os.link(weights, twin)


def _deliver(hub_id: str, partial: Path) -> None:
    """Put what is whole into its place. What lay there, a broken one or another revision, goes when that is done."""
    old = _old(partial)
    try:
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        place(hub_id).parent.mkdir(parents=True, exist_ok=True)
        if place(hub_id).exists():
            os.rename(place(hub_id), old)
        os.rename(partial, place(hub_id))
    except OSError as error:
        _put_back(hub_id, partial)
        raise CannotWrite(
            f"It was fetched, but cannot be put in its place ({error.strerror}). End what uses the model, then fetch it again.",
            path=place(hub_id),
            title=TITLE,
        ) from error
    shutil.rmtree(old, ignore_errors=True)


def _put_back(hub_id: str, partial: Path) -> None:
    """After a delivery that failed, or was killed between its two renames: what lay there before lies there again, or goes."""
    old = _old(partial)
    if not old.exists():
        return
    if place(hub_id).exists():
        shutil.rmtree(old, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):  # the next fetch tries again
            os.rename(old, place(hub_id))


def _old(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}--old")  # no name on the Hub holds two dashes


def _require(settings: Settings) -> None:
    if not settings.models.allow_download:
        raise NotSetUp(
            "Downloads are off. Allow them with models.allow_download = true (once: --set models.allow_download=true), or enter a folder "
            "that you have: deshimmer models add FOLDER.",
            title=TITLE,
        )
    if find_spec("huggingface_hub") is None:
        raise NotSetUp('Fetching needs huggingface_hub. Install it: pip install "deshimmer[ai]"', title=TITLE)


def _kept(hub_id: str, sizes: dict[str, int]) -> dict[str, int]:
    """The files that diffusers loads, and their sizes: weights that are there in two precisions once. Raises NotSetUp for another format."""
    if model_folder.INDEX not in sizes:
        raise NotSetUp(
            f"{hub_id} is not in diffusers' format: it has no {model_folder.INDEX}. Look for its twin that is; those of Wan end in -Diffusers.",
            title=TITLE,
        )
    twins = {name for name in sizes if (plain := _PRECISION.sub("", name)) != name and plain in sizes}
    return {name: size for name, size in sizes.items() if _is_kept(name) and name not in twins}


def _require_known(hub_id: str, partial: Path) -> None:
    """Before its weights come. Raises NotSetUp for a model that nothing here renders with."""
    pipeline = model_folder.look(partial).pipeline
    family = table.family_of(hub_id, pipeline)
    if family is not None and pipeline in family.pipelines.values():
        return
    shutil.rmtree(partial, ignore_errors=True)
    known = ", ".join(dict.fromkeys(each.name for each in table.ALL))
    raise NotSetUp(
        f"{hub_id} is {'a ' + pipeline if pipeline else 'of no pipeline'}, and no family that deshimmer renders with: nothing of it was "
        f"fetched. It renders with {known}; others through models.comfyui.",
        title=TITLE,
    )


def _is_kept(name: str) -> bool:
    """Of the pipeline's folders; weights in one file beside model_index.json are the same again for other programs."""
    if ".." in name.split("/") or "\\" in name or name.startswith("/"):
        return False
    return any(fnmatch(name, pattern) for pattern in KEPT) and ("/" in name or not name.endswith(".safetensors"))


def _require_room(hub_id: str, needed: int, partial: Path, settings: Settings) -> None:
    here = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file()) if partial.is_dir() else 0
    free = shutil.disk_usage(paths.made_models_dir()).free - settings.disk.reserve_gb * 1e9
    if needed - here > free:
        raise CannotWrite(
            f"{hub_id} takes {needed / 1e9:.1f} GB, and {max(0.0, free) / 1e9:.1f} GB are free beside disk.reserve_gb. Make room, or give "
            "models.folders a folder on another disk.",
            path=paths.models_dir(),
            title=TITLE,
        )
