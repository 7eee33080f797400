"""Writes our sidecar from a pipeline of diffusers and the arguments of its call. Nothing of torch or diffusers is imported: they are asked."""

from __future__ import annotations

import inspect
import io
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple, cast

from ...config import whole
from ...config.errors import CannotWrite, WrongUsage
from . import sidecar

log = logging.getLogger(__name__)

_PLUMBING = frozenset({"generator", "output_type", "return_dict", "num_videos_per_prompt"})
"""Arguments that say nothing of what the clip shows."""
_PLUMBING_PREFIX = "callback"
_TEXTS = ("prompt", "negative_prompt")
_ASKED = {
    "num_frames": ("transformer.config.sample_frames", "unet.config.num_frames"),
    "height": ("default_height",),
    "width": ("default_width",),
}
"""Where a pipeline takes from what the call left open."""
_SCALED = {"height": "transformer.config.sample_height", "width": "transformer.config.sample_width"}
"""The same, in units of ``vae_scale_factor_spatial``."""
_ONE_VIDEO = 4  # dimensions of an array
_SNAPSHOT = re.compile(r"models--([^/\\]+)[/\\]snapshots[/\\]([0-9a-f]{7,64})(?:[/\\]|$)")
"""Where the Hub's cache keeps a model: its name, and the commit."""


@dataclass(frozen=True)
class WrittenSidecar:
    """Where the sidecar lies, the image that was saved for it, and the arguments of the call that it could not take."""

    path: Path
    image: Path | None
    left_out: tuple[str, ...]


class _Origin(NamedTuple):
    model: str | None
    revision: str | None


def write_sidecar(
    clip: str | PathLike[str],
    pipe: Any,
    *arguments: Any,
    fps: float | None = None,
    seed: int | None = None,
    model: str | None = None,
    revision: str | None = None,
    **call: Any,
) -> WrittenSidecar:
    """Write ``clip.deshimmer.json`` beside ``clip.mp4``, so that the clip can be rendered again.

        video = pipe(prompt="a fox", num_frames=49, generator=generator).frames[0]
        export_to_video(video, "clip.mp4", fps=8)
        write_sidecar("clip.mp4", pipe, prompt="a fox", num_frames=49, generator=generator, fps=8)

    ``call``: the arguments of the pipeline's call. What they leave open is taken from the defaults of the pipeline, the seed from the
    generator (of several, from the first), model and revision from where the pipeline was loaded. A PIL image is saved beside the clip as
    ``clip.image.png``, as is a picture from another folder. Arguments that a sidecar cannot hold are left out and named in the answer and
    in the log. An earlier sidecar of the clip is replaced; the new one appears whole.

    Raises SidecarError for values that no sidecar takes, WrongUsage for what is no pipeline, CannotWrite for a folder that does not take it.
    """
    target = Path(clip)
    defaults = _defaults(pipe)
    given = _by_name(defaults, arguments) | call
    left_out: list[str] = []
    values: dict[str, Any] = {"schema": 1, "pipeline": type(pipe).__name__, "extra": {}}
    for name, value in (defaults | {name: value for name, value in given.items() if value is not None}).items():
        if name != "image" and not _put(values, name, value) and name in given:
            left_out.append(name)
    origin = _origin(pipe)
    known = {"model": model or origin.model, "revision": revision or (origin.revision if model is None else None), "fps": fps}
    known["seed"] = seed if seed is not None else _seed(given.get("generator"))
    values |= {name: value for name, value in known.items() if value is not None}
    video = given.get("video")
    if video is not None and (frames := _frames(video)) is not None:
        values["num_frames"] = frames
    open_ones = [name for name in _ASKED if name not in values and not (name == "num_frames" and video is not None)]
    values |= {name: value for name in open_ones if (value := _asked(pipe, name)) is not None}
    if _look_up(pipe, "vae.use_tiling") is True:
        values["extra"]["vae_tiling"] = True
    if _look_up(pipe, "scheduler.config.use_flow_sigmas") is True and (shift := _plain(_look_up(pipe, "scheduler.config.flow_shift"))):
        values["extra"]["flow_shift"] = shift
    picture = _picture(given.get("image"), target)
    if picture is not None:
        values["image"] = picture.name
    elif given.get("image") is not None:
        left_out.append("image")
    return _written(target, values, picture, tuple(left_out))


class _Picture(NamedTuple):
    name: str  # as the sidecar has it
    content: bytes | None  # to be saved; None: it lies there


def _written(target: Path, values: dict[str, Any], picture: _Picture | None, left_out: tuple[str, ...]) -> WrittenSidecar:
    file = sidecar.beside(target)
    content = sidecar.as_bytes(sidecar.checked(values, file))
    saved = target.with_name(picture.name) if picture is not None and picture.content is not None else None
    try:
        if picture is not None and picture.content is not None and saved is not None:
            whole.write(saved, picture.content)
        whole.write(file, content)
    except OSError as error:
        raise CannotWrite(f"The sidecar cannot be written ({error.strerror}). Check the folder.", path=file) from None
    if left_out:
        log.warning("%s: left out, as a sidecar holds numbers, texts and one image: %s", file.name, ", ".join(left_out))
    return WrittenSidecar(file, saved, left_out)


def _defaults(pipe: Any) -> dict[str, Any]:
    """The parameters of the pipeline's call, in their order."""
    try:
        parameters = [*inspect.signature(type(pipe).__call__).parameters.values()][1:]
    except (TypeError, ValueError):
        raise WrongUsage(f"{type(pipe).__name__} cannot be called. Give the pipeline of diffusers.") from None
    named = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    return {each.name: None if each.default is each.empty else each.default for each in named}


def _by_name(defaults: Mapping[str, Any], arguments: tuple[Any, ...]) -> dict[str, Any]:
    if len(arguments) > len(defaults):
        raise WrongUsage("There are more arguments than the pipeline's call takes. Give them as you gave them to the pipeline.")
    return dict(zip(defaults, arguments, strict=False))


def _put(values: dict[str, Any], name: str, value: Any) -> bool:
    """Put an argument where the sidecar has it. False for one that it cannot hold."""
    if name in _PLUMBING or name.startswith(_PLUMBING_PREFIX) or value is None:
        return True
    value = _plain(_only(value) if name in _TEXTS else value)
    if value is None:
        return False
    if name in sidecar.FIELDS:
        values[name] = value
    else:
        values["extra"][name] = value
    return True


def _only(value: Any) -> Any:
    """A single member for a list of one."""
    members = cast("list[Any]", value) if isinstance(value, list | tuple) else [value]
    return members[0] if len(members) == 1 else None


def _plain(value: Any) -> bool | int | float | str | None:
    """A value that JSON has, also of numpy's and torch's scalars; None for anything else."""
    if not isinstance(value, bool | int | float | str) and getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    return value if isinstance(value, bool | int | float | str) else None


def _seed(generator: Any) -> int | None:
    several: list[Any] = [*cast("list[Any]", generator)] if isinstance(generator, list | tuple) else [generator]
    first: Any = several[0] if several else None
    return first.initial_seed() if hasattr(first, "initial_seed") else None


def _origin(pipe: Any) -> _Origin:
    """Name or folder of the model; a place in the Hub's cache is named by its model and commit."""
    named = _config(pipe, "_name_or_path")
    name = named if isinstance(named, str) and named else None
    found = next(_snapshots(pipe, name or ""), None)
    if name is None or (found and found.model and ("models--" in name)):
        return found or _Origin(None, None)
    if os.path.isdir(name):
        return _Origin(os.path.abspath(name), None)
    return _Origin(name, found.revision if found is not None and found.model == name else None)


def _snapshots(pipe: Any, name: str) -> Iterator[_Origin]:
    """Where in the Hub's cache the pipeline and its parts lay."""
    parts = cast("Mapping[str, Any]", getattr(pipe, "components", None) or {})
    for text in (name, *(_config(part, "_name_or_path") for part in parts.values())):
        found = _SNAPSHOT.search(text) if isinstance(text, str) else None
        if found:
            yield _Origin(found[1].replace("--", "/"), found[2])


def _config(part: Any, key: str) -> Any:
    config = getattr(part, "config", None)
    return cast("Mapping[str, Any]", config).get(key) if isinstance(config, Mapping) else getattr(config, key, None)


def _asked(pipe: Any, name: str) -> int | None:
    """What the pipeline makes of an argument that was left open, where it can be told."""
    found = next((value for path in _ASKED[name] if isinstance(value := _look_up(pipe, path), int)), None)
    units, scale = _look_up(pipe, _SCALED.get(name, "")), _look_up(pipe, "vae_scale_factor_spatial")
    if found is None and isinstance(units, int) and isinstance(scale, int):
        return units * scale
    return found


def _look_up(value: Any, path: str) -> Any:
    for name in path.split(".") if path else ("",):
        value = cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def _frames(video: Any) -> int | None:
    """Of video to video, which makes as many as it is given: a list of pictures, or an array (frames, ...); None for several videos."""
    if getattr(video, "ndim", None) == _ONE_VIDEO:
        return int(video.shape[0])
    pictures = cast("list[Any]", video) if isinstance(video, list | tuple) else []
    return len(pictures) if pictures and all(hasattr(each, "size") and getattr(each, "ndim", 3) < _ONE_VIDEO for each in pictures) else None


def _picture(image: Any, target: Path) -> _Picture | None:
    """How the sidecar refers to the image of the call; None for none, and for what is no picture."""
    image = _only(image)
    folder = target.absolute().parent
    if isinstance(image, str | PathLike):
        file = Path(fspath(cast("PathLike[str]", image))).absolute()
        if not file.is_file():
            return None
        if file.resolve().is_relative_to(folder.resolve()) and file.is_relative_to(folder):
            return _Picture(file.relative_to(folder).as_posix(), None)
        image = _opened(file)
    if image is None or not (hasattr(image, "save") and hasattr(image, "size")):
        return None
    content = io.BytesIO()
    image.save(content, format="PNG")
    return _Picture(f"{target.stem}.image.png", content.getvalue())


def _opened(file: Path) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as picture:
            picture.load()
            return picture.copy()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
