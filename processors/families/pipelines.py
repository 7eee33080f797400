"""Pipelines of diffusers, loaded from a folder on disk and lent out. One stays loaded for the next job of the same folder.

Needs the extra ``[ai]``. Nothing is fetched from anywhere, and no code but diffusers' and transformers' own is run.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...config.errors import NotSetUp
from .. import torch_devices
from . import guard, needs
from .adapter import Adapter
from .family import Family, Kind

log = logging.getLogger(__name__)

REMEDY = (
    "Rendering a clip again needs PyTorch, diffusers and transformers. Install them with: pipx install --force 'deshimmer[ai]' "
    "(in a virtual environment: pip install 'deshimmer[ai]'; from a checkout: python3 dev.py run --ai), then try again."
)


@dataclass
class _Kept:
    """The pipeline that stays in main memory between jobs."""

    key: tuple[Any, ...]
    pipe: Any


_kept: list[_Kept] = []  # one, or none


def require() -> None:
    """Import what pipelines need. Raises NotSetUp, which says how to install what is missing."""
    torch_devices.wait_patiently()
    try:
        with quiet():
            for name in ("safetensors.torch", *needs.PACKAGES.values()):
                importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:  # RuntimeError: transformers' own word for a part that is missing
        raise NotSetUp(f"{REMEDY} ({error})") from error


@contextmanager
def device() -> Generator[str, None, None]:
    """The best device for the length of the block; a GPU is nobody else's meanwhile, and is empty again afterwards."""
    best = torch_devices.best()
    with torch_devices.held(best):
        torch_devices.release(best)
        try:
            yield best
        finally:
            if best != "cpu":
                _park()
                gc.collect()


def load(folder: Path, family: Family, adapter: Adapter, kind: Kind, device: str, options: dict[str, Any]) -> Any:
    """The pipeline of ``kind``, in main memory. ``options``: how its weights are stored, keywords of ``from_pretrained``.

    Raises RefusedModel for a folder that is not safe or not the family's, NotSetUp where its kind is not among the family's.
    """
    named = guard.require_safe(folder, family, adapter)
    if kind not in family.pipelines:
        raise NotSetUp(f"{family.name} renders from {' or '.join(family.pipelines)}, not from {kind}. Choose another model.", path=folder)
    key = (folder, (folder / guard.INDEX).stat().st_mtime_ns, device == "cpu", str(options))
    if not _kept or _kept[0].key != key:
        unload()
        _kept.append(_Kept(key, _from_folder(folder, named, adapter, device, options)))
    return _of_class(_kept[0].pipe, family.pipelines[kind])


def unload() -> None:
    """Give the memory of the kept pipeline back."""
    _kept.clear()
    gc.collect()


@contextmanager
def quiet() -> Generator[None, None, None]:
    """Within the block the libraries' warnings, which are for programmers, go to our log."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        log.debug("%s", warning.message)


def _from_folder(folder: Path, named: str, adapter: Adapter, device: str, options: dict[str, Any]) -> Any:
    import diffusers
    import torch
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    on_cpu = device == "cpu"
    fine = {part: torch.float32 for part in adapter.full_precision}
    with quiet():
        pipe: Any = getattr(diffusers, named).from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32 if on_cpu else {"default": torch.bfloat16, **fine},
            **options,
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _of_class(pipe: Any, name: str) -> Any:
    """The same weights in the pipeline of another kind."""
    import diffusers

    wanted = getattr(diffusers, name)
    if type(pipe) is wanted:
        return pipe
    takes = inspect.signature(wanted.__init__).parameters
    made = wanted(**{part: value for part, value in pipe.components.items() if part in takes})
    made.set_progress_bar_config(disable=True)
    return made


def _park() -> None:
    """Bring the kept pipeline back to main memory; drop it where its weights cannot be moved, as quantised ones cannot."""
    for kept in _kept[:]:
        try:
            with quiet():
                kept.pipe.remove_all_hooks()
                kept.pipe.to("cpu")
        except (ValueError, NotImplementedError, RuntimeError) as error:
            log.info("not kept: %s", error)
            unload()
