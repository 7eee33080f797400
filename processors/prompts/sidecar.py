"""Our own sidecar: ``clip.deshimmer.json`` beside ``clip.mp4``. docs/sidecar.md explains it, docs/sidecar.schema.json is made from the model here.

It is read strictly: whatever does not fit is an error that names the key and the file, since it was written for us.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from ...config.errors import SidecarError
from .stored import Source, StoredPrompt

SUFFIX = ".deshimmer.json"
SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"

MOST_BYTES = 256 << 10
MOST_SEED = (1 << 64) - 1
MOST_TEXT = 20_000
MOST_NAME = 1000
MOST_EXTRA = 200

Name = Annotated[str, Field(min_length=1, max_length=MOST_NAME)]
Text = Annotated[str, Field(max_length=MOST_TEXT)]
Side = Annotated[int, Field(ge=1, le=16384)]
Keyword = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Scalar = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=MOST_TEXT)]


def _relative(name: str) -> str:
    """Not absolute on any system, and never upwards."""
    paths = PurePosixPath(name), PureWindowsPath(name)
    if "\0" in name or name.startswith("~") or any(path.is_absolute() or path.anchor or ".." in path.parts for path in paths):
        raise ValueError("give a path beside or below the clip, without '..'")
    return name


def _whole_number(value: object) -> object:
    """Literal takes true and 1.0 for 1."""
    if type(value) is not int:
        raise ValueError("write 1")
    return value


def _own_keys(extra: dict[str, Any]) -> dict[str, Any]:
    twice = sorted(set(extra) & KEYS)
    if twice:
        raise ValueError(f"'{twice[0]}' has a key of its own")
    return extra


class Sidecar(BaseModel):
    """Parameters with which a clip was rendered, under the names that diffusers has for them. null or absent: unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, title="deshimmer sidecar")

    version: Annotated[Literal[1], BeforeValidator(_whole_number)] = Field(alias="schema", description="version of this format")
    pipeline: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] | None = Field(
        default=None, description='class of diffusers, "CogVideoXPipeline"'
    )
    model: Name | None = Field(default=None, description="name on the Hub, or a folder")
    revision: Name | None = Field(default=None, description="of the model: a commit, tag or branch")
    prompt: Text | None = None
    negative_prompt: Text | None = None
    seed: Annotated[int, Field(ge=0, le=MOST_SEED)] | None = None
    num_frames: Annotated[int, Field(ge=1, le=100_000)] | None = None
    width: Side | None = Field(default=None, description="pixels")
    height: Side | None = Field(default=None, description="pixels")
    fps: Annotated[float, Field(gt=0, le=1000)] | None = Field(default=None, description="frames a second of the clip")
    guidance_scale: Annotated[float, Field(ge=0, le=1000)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=10_000)] | None = None
    image: Annotated[Name, AfterValidator(_relative)] | None = Field(
        default=None, description="first frame, for image to video: a path beside or below the clip"
    )
    extra: Annotated[dict[Keyword, Scalar], Field(max_length=MOST_EXTRA), AfterValidator(_own_keys)] = Field(
        default_factory=dict[str, Any], description="further keywords of the pipeline's call"
    )


FIELDS = tuple(name for name in Sidecar.model_fields if name not in ("version", "extra"))
"""Keys that a StoredPrompt has too."""

KEYS = frozenset({*FIELDS, "schema", "extra"})


def beside(clip: Path) -> Path:
    """Where the sidecar of a clip lies. A folder of frames has one by its whole name."""
    return clip.with_name((clip.name if clip.is_dir() else clip.stem) + SUFFIX)


def of_folder(folder: Path) -> tuple[Path, ...]:
    """The sidecars of a folder of frames: the one beside it, then those inside."""
    try:
        inside = sorted(each for each in folder.iterdir() if each.name.endswith(SUFFIX) and not each.is_symlink())
    except OSError:
        inside = []
    return tuple(each for each in (beside(folder), *inside) if each.is_file())


def read(path: Path, folder: Path) -> StoredPrompt | None:
    """What the sidecar of the clip ``path`` holds; None where there is none. Nothing outside ``folder`` is read.

    Raises SidecarError for one that does not fit.
    """
    file = next(iter(of_folder(path)), beside(path)) if path.is_dir() else beside(path)
    if not file.is_file():
        return None
    if not _lies_in(file, folder):
        raise SidecarError("It leads out of the folder. Put the file itself beside the clip.", path=file)
    sidecar = parsed(content(file), file)
    values: dict[str, Any] = {name: getattr(sidecar, name) for name in FIELDS}
    sources = {name: f"{name} in {file.name}" for name, value in (values | sidecar.extra).items() if value is not None}
    values["image"] = None if sidecar.image is None else _image(sidecar.image, file, folder)
    if sidecar.image is not None and values["image"] is None:
        sources["image"] = f"named in {file.name}, but not there"
    reason = None if sidecar.pipeline else f"{file.name} names no pipeline"
    return StoredPrompt(Source.DESHIMMER, **values, reason=reason, extra=dict(sidecar.extra), sources=sources)


def parsed(data: bytes, file: Path) -> Sidecar:
    """The sidecar that these bytes are. Raises SidecarError, which names ``file``."""
    try:
        return Sidecar.model_validate_json(data.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise SidecarError(_told(error), path=file) from None


def checked(values: dict[str, Any], file: Path) -> Sidecar:
    """The sidecar of these values. Raises SidecarError, which names ``file``."""
    try:
        return Sidecar.model_validate(values)
    except ValidationError as error:
        raise SidecarError(_told(error), path=file) from None


def as_bytes(sidecar: Sidecar) -> bytes:
    """The file's content, without what is unknown."""
    values = sidecar.model_dump(mode="json", by_alias=True, exclude_none=True)
    if not values["extra"]:
        del values["extra"]
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


def schema() -> dict[str, Any]:
    """The JSON schema of the file."""
    return {"$schema": SCHEMA_ID, **Sidecar.model_json_schema(by_alias=True)}


def content(file: Path) -> bytes:
    """The file's bytes. Raises SidecarError for one that is too large or may not be read."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise SidecarError(f"The file cannot be read ({error.strerror}). Check its permissions.", path=file) from None
    if len(data) > MOST_BYTES:
        raise SidecarError(f"The file is larger than {MOST_BYTES >> 10} kB. Leave out what docs/sidecar.md does not name.", path=file)
    return data


def _image(name: str, file: Path, folder: Path) -> Path | None:
    image = file.parent / name
    if not image.is_file():
        return None
    if not (_lies_in(image, file.parent) and _lies_in(image, folder)):
        raise SidecarError("'image' leads out of the clip's folder. Put the picture itself beside the clip.", path=file)
    return image


def _lies_in(file: Path, folder: Path) -> bool:
    try:
        return file.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links
        return False


_WORDS = {
    "extra_forbidden": "'{key}' is no key of a sidecar. What the pipeline's call takes besides goes into 'extra'.",
    "missing": "'{key}' is missing. Write \"schema\": 1.",
    "json_invalid": "The file is not valid JSON: {message}.",
}


def _told(error: ValidationError) -> str:
    """The first thing that is wrong, by its key."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    parts = [str(part) for part in first["loc"] if not _is_choice(part)]
    message = first["msg"].removeprefix("Value error, ").removeprefix("Invalid JSON: ")
    if len(parts) > 1 and first["type"].endswith("_type"):
        message = "give a number, a text, true or false"
    form = _WORDS.get(first["type"], "'{key}' does not fit: {message}." if parts else "The file holds no object in braces.")
    return form.format(key=".".join(parts)[:200], message=message[:300]) + " docs/sidecar.md lists the keys."


def _is_choice(part: int | str) -> bool:
    """Pydantic names the branch of a union too."""
    return part in ("bool", "int", "float", "str", "[key]") or (isinstance(part, str) and part.startswith("constrained-"))
