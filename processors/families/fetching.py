"""A model fetched from the Hugging Face Hub into our own folder: safetensors and settings only, whole or not at all.

A download that breaks off goes on where it was, the next time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...config import paths
from ...config.errors import CannotWrite, DeshimmerError, NotSetUp, ToolFailed
from ...config.settings import Settings
from . import entries, guard, model_folder

KEPT = ("*.safetensors", "*.safetensors.index*.json", "*.json", "*.txt", "*.model")
"""Weights, settings and tokenizers. No pickles and no code."""
_PRECISION = re.compile(r"\.(fp16|bf16)(?=[.-])")
_TITLE = "The model cannot be fetched"


def place(hub_id: str) -> Path:
    """Where the model ``ORG/NAME`` lies once it was fetched."""
    return paths.models_dir() / hub_id


def fetch(hub_id: str, revision: str | None, settings: Settings, tell: Callable[[str], None] = lambda words: None) -> Path:
    """Fetch it and return its folder. ``tell`` hears what is fetched, and how large it is.

    Raises NotSetUp where downloads are not allowed or huggingface_hub is absent, CannotWrite where the disk has no room, ToolFailed for
    what the network or the Hub does.
    """
    _require(settings)
    partial = paths.made_models_dir() / entries.PARTIAL / hub_id
    with _translated(hub_id):
        from huggingface_hub import HfApi
        from huggingface_hub import snapshot_download as download  # pyright: ignore[reportUnknownVariableType]  # a wide overload

        info: Any = HfApi().model_info(hub_id, revision=revision, files_metadata=True)
        files = _kept(hub_id, {str(each.rfilename): int(each.size or 0) for each in info.siblings})
        _require_room(hub_id, sum(files.values()), partial, settings)
        tell(f"fetching {hub_id}, {sum(files.values()) / 1e9:.1f} GB")
        download(hub_id, revision=info.sha, local_dir=partial, allow_patterns=list(files))
    if problem := guard.look(partial, hub_id).problem:
        raise NotSetUp(f"{hub_id} was fetched, but {problem}. Choose a model in diffusers' format.", path=partial, title=_TITLE)
    try:
        (partial / entries.ORIGIN).write_text(json.dumps({"name": hub_id, "revision": info.sha}), encoding="utf-8")
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        place(hub_id).parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place(hub_id), ignore_errors=True)  # a broken one, or another revision
        os.rename(partial, place(hub_id))
    except OSError as error:
        raise CannotWrite(f"It was fetched, but cannot be put in its place ({error.strerror}).", path=place(hub_id)) from error
    return place(hub_id)


def _require(settings: Settings) -> None:
    if not settings.models.allow_download:
        raise NotSetUp(
            "Downloads are off. Allow them with models.allow_download = true (once: --set models.allow_download=true), or enter a folder "
            "that you have: deshimmer models add FOLDER.",
            title=_TITLE,
        )
    if find_spec("huggingface_hub") is None:
        raise NotSetUp('Fetching needs huggingface_hub. Install it: pip install "deshimmer[ai]"', title=_TITLE)


def _kept(hub_id: str, sizes: dict[str, int]) -> dict[str, int]:
    """The files that diffusers loads, and their sizes: weights that are there in two precisions once. Raises NotSetUp for another format."""
    if model_folder.INDEX not in sizes:
        raise NotSetUp(
            f"{hub_id} is not in diffusers' format: it has no {model_folder.INDEX}. Look for its twin that is; those of Wan end in -Diffusers.",
            title=_TITLE,
        )
    twins = {name for name in sizes if (plain := _PRECISION.sub("", name)) != name and plain in sizes}
    return {name: size for name, size in sizes.items() if _is_kept(name) and name not in twins}


def _is_kept(name: str) -> bool:
    """Of the pipeline's folders; weights in one file beside model_index.json are the same again for other programs."""
    return any(fnmatch(name, pattern) for pattern in KEPT) and ("/" in name or not name.endswith(".safetensors"))


def _require_room(hub_id: str, needed: int, partial: Path, settings: Settings) -> None:
    here = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file()) if partial.is_dir() else 0
    free = shutil.disk_usage(paths.made_models_dir()).free - settings.disk.reserve_gb * 1e9
    if needed - here > free:
        raise CannotWrite(
            f"{hub_id} takes {needed / 1e9:.1f} GB, and {max(0.0, free) / 1e9:.1f} GB are free beside disk.reserve_gb. Make room, or give "
            "models.folders a folder on another disk.",
            path=paths.models_dir(),
            title=_TITLE,
        )


@contextmanager
def _translated(hub_id: str) -> Generator[None, None, None]:
    """What huggingface_hub raises, as one error for a person."""
    try:
        yield
    except DeshimmerError:
        raise
    except Exception as error:  # its tree of errors spans its own, httpx's and the system's
        words = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ToolFailed(
            f"The Hugging Face Hub did not give {hub_id}: {words}. Check the name and the network; "
            "what was fetched so far stays, and goes on next time.",
            title=_TITLE,
        ) from error
