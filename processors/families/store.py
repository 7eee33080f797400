"""The models that are here: our own folder, the folders of the settings, and the Hugging Face Hub's cache. Nothing here loads one.

What a clip's prompt says of its model is untrusted text: it chooses among the models that are here, and never a path outside their folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path, PurePath

from ...config import paths
from ...config.errors import NotSetUp
from ...config.settings import Settings
from . import entries, guard, model_folder, table
from .family import Family, Kind

_HUB_ID = re.compile(r"(?!.*(\.\.|--))\w[\w.-]*/\w[\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CHECKPOINTS = (".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pth")
_HUB_FOLDER = "models--"
HUB_IDS = (
    "THUDM/CogVideoX-5b", "THUDM/CogVideoX-5b-I2V", "THUDM/CogVideoX-2b", "THUDM/CogVideoX1.5-5B", "THUDM/CogVideoX1.5-5B-I2V",
    "stabilityai/stable-video-diffusion-img2vid-xt", "stabilityai/stable-video-diffusion-img2vid",
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "Wan-AI/Wan2.1-T2V-14B-Diffusers", "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
    "Wan-AI/Wan2.1-I2V-14B-720P-Diffusers", "genmo/mochi-1-preview",
)  # fmt: skip
"""One of each family, in diffusers' format."""


@dataclass(frozen=True)
class Installed:
    name: str  # "THUDM/CogVideoX-5b", or the folder's name
    folder: Path
    family: Family | None  # None: none that deshimmer knows
    pipeline: str | None  # class of diffusers that the folder names
    revision: str | None  # commit on the Hub; None where nothing tells
    size_bytes: int
    problem: str | None  # why it cannot be used

    @property
    def whole(self) -> bool:
        return self.problem is None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What it can do: weights that start from text also start from video, weights that start from an image do only that."""
        if self.family is None or not self.whole:
            return ()
        own = {kind for kind, pipeline in self.family.pipelines.items() if pipeline == self.pipeline}
        without_image = {Kind.TEXT, Kind.VIDEO}
        return tuple(
            kind for kind in Kind if kind in self.family.pipelines and (kind in own or (own & without_image and kind in without_image))
        )


@dataclass(frozen=True)
class Found:
    folder: Path
    note: str | None = None  # for a person: what stands in for what was named


def installed(settings: Settings) -> tuple[Installed, ...]:
    """All models that are here, the whole ones and others, by name; each once."""
    found: dict[Path, Installed] = {}
    for name, folder, revision in _folders(settings):
        found.setdefault(folder.resolve(), _installed(name, folder, revision))
    return tuple(sorted(found.values(), key=lambda each: (each.name.lower(), str(each.folder))))


def locate(model: str, revision: str | None, settings: Settings, *, fetch: bool = True) -> Path:
    """The folder of the model that ``find`` finds."""
    return find(model, revision, settings, fetch=fetch).folder


def find(model: str, revision: str | None, settings: Settings, *, fetch: bool = True) -> Found:
    """``model``: a name on the Hub, a folder, a folder's name, or the file of a checkpoint as ComfyUI names it.

    Raises NotSetUp, whose message is the remedy, when it is not here or not whole. Where ``models.allow_download`` is set, a model of the
    families that deshimmer knows is fetched instead (``fetch``; else the folder is named that it will have); nothing else ever asks
    the network.
    """
    if "\0" in model or len(model) > 4096:
        raise NotSetUp("The stored name of the model is not a name.", title=_TITLE)
    here = installed(settings)
    named = [each for each in here if _is_named(each, model, settings)]
    fitting = [each for each in named if _has_revision(each, revision)]
    broken = next((each for each in fitting if each.problem is not None), None)
    whole = next((each for each in fitting if each.problem is None), None)
    if whole is not None:
        return Found(whole.folder)
    if broken is None and (own := _in_hot_folder(model, settings)) is not None:
        return Found(own)
    if broken is None and (instead := _of_checkpoint(model, here)) is not None:
        return Found(instead.folder, f"{_last(model)} is one file; {instead.name}, the same model in diffusers' format, is used instead")
    hub_id = hub_id_of(model)
    if settings.models.allow_download and hub_id is not None and not (broken and broken.folder.is_relative_to(paths.models_dir())):
        from . import fetching

        wanted = revision if _HUB_ID.fullmatch(model) else None
        return Found(fetching.fetch(hub_id, wanted, settings) if fetch else fetching.place(hub_id))
    raise _not_here(model, revision, hub_id, broken, bool(named))


def hub_id_of(model: str) -> str | None:
    """The name on the Hub under which ``model`` is to be had in diffusers' format; None for models of no family that we know."""
    family = table.family_of(model, None)
    if family is None:
        return None
    if _HUB_ID.fullmatch(model) and PurePath(model).suffix not in _CHECKPOINTS:
        return model
    return next((each for each in HUB_IDS if table.family_of(each, None) == family), None)


def is_hub_id(name: str) -> bool:
    """Whether it has the form of a name on the Hub, ORG/NAME."""
    return _HUB_ID.fullmatch(name) is not None


def size_gb(family: Family) -> float:
    """On the disk, about: half precision."""
    return 2 * (family.parameters + family.encoder_parameters) + 0.5


def hub_cache() -> Path:
    """Where huggingface_hub keeps what it fetched, by the variables that it reads."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(named or Path(home) / "hub").expanduser()


def _folders(settings: Settings) -> Iterator[tuple[str, Path, str | None]]:
    """(name, folder, revision) of all, those first that we were told of."""
    for entry in entries.read():
        yield entry.name, entry.folder, entry.revision
    for root in settings.models.folders:
        for index in (*_indexes(root, ""), *_indexes(root, "*/"), *_indexes(root, "*/*/")):
            name = index.parent.relative_to(root).as_posix()
            yield (root.name if name == "." else name), index.parent, None
    yield from _cached()


def _indexes(root: Path, between: str) -> list[Path]:
    try:
        return sorted(path for path in root.glob(f"{between}{model_folder.INDEX}") if _HUB_FOLDER not in str(path))
    except OSError:  # a disk that is not there now
        return []


def _cached() -> Iterator[tuple[str, Path, str | None]]:
    cache = hub_cache()
    if find_spec("huggingface_hub") is None or not cache.is_dir():
        return
    from huggingface_hub import try_to_load_from_cache

    for repository in sorted(cache.glob(f"{_HUB_FOLDER}*--*")):
        name = repository.name.removeprefix(_HUB_FOLDER).replace("--", "/", 1)
        revisions = sorted(path.name for path in (repository / "snapshots").glob("*")) if _HUB_ID.fullmatch(name) else []
        for revision in revisions:
            index = try_to_load_from_cache(name, model_folder.INDEX, cache_dir=cache, revision=revision)
            if isinstance(index, str):
                yield name, Path(index).parent, revision


def _installed(name: str, folder: Path, revision: str | None) -> Installed:
    seen = guard.look(folder, name)
    family = table.family_of(name, seen.pipeline)
    return Installed(name, folder, family, seen.pipeline, revision, seen.size_bytes, seen.problem)


def _is_named(one: Installed, model: str, settings: Settings) -> bool:
    if Path(model).is_absolute() and ".." not in Path(model).parts and one.folder.resolve() == Path(model).resolve():
        return True
    if _HUB_ID.fullmatch(model) and "/" in one.name:
        return one.name.lower() == model.lower()
    return _last(one.name).lower() == _last(model).lower()


def _in_hot_folder(model: str, settings: Settings) -> Path | None:
    """A folder below a hot folder, that a prompt names by its whole path."""
    path = Path(model)
    if not path.is_absolute() or ".." in path.parts:
        return None
    folder = path.resolve()
    if not any(folder.is_relative_to(hot.path.resolve()) for hot in settings.hot_folders) or not (folder / model_folder.INDEX).is_file():
        return None
    if problem := guard.look(folder, model).problem:
        raise NotSetUp(f"{problem}. Give the folder all its files, or name a model that is whole.", path=folder, title=_TITLE)
    return folder


def _has_revision(one: Installed, revision: str | None) -> bool:
    """Only two different commits are known to be different."""
    if revision is None or one.revision is None or not _COMMIT.fullmatch(revision):
        return True
    return one.revision == revision


def _of_checkpoint(model: str, here: tuple[Installed, ...]) -> Installed | None:
    family = table.family_of(model, None) if PurePath(model).suffix.lower() in _CHECKPOINTS else None
    return next((each for each in here if family is not None and each.family == family and each.whole), None)


def _last(name: str) -> str:
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1]


_TITLE = "The model is not here"


def _not_here(model: str, revision: str | None, hub_id: str | None, broken: Installed | None, other_revision: bool) -> NotSetUp:
    fail = partial(NotSetUp, title=_TITLE)
    shown = _last(model)[:100] if hub_id is None else hub_id
    wanted = f" --revision {revision}" if revision and _COMMIT.fullmatch(revision) and hub_id == model else ""
    family = table.family_of(model, None)
    size = "" if family is None else f" (about {size_gb(family):.0f} GB)"
    if broken is not None:
        again = f"deshimmer models add {hub_id}{wanted}{size} fetches what is missing" if hub_id else "give the folder all its files"
        return fail(f"{broken.name} is here, but {broken.problem}: {again}.", path=broken.folder)
    if hub_id is None:
        return fail(f"'{shown}' is no model that deshimmer knows. Enter its folder in diffusers' format: deshimmer models add FOLDER.")
    if other_revision:
        return fail(f"{shown} is here, but not its revision {(revision or '')[:12]}: deshimmer models add {hub_id}{wanted}{size}.")
    return fail(f"deshimmer models add {hub_id}{wanted}{size}")
