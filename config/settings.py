"""The settings: one frozen pydantic model, one TOML file, no key that nothing acts on.

Precedence: ``--set key=value`` > environment (``DESHIMMER_QUEUE__CPU_JOBS=2``) > file > default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from . import paths
from .errors import SettingsError
from .profiles import Profile
from .quiet_hours import QuietHours

_ENVIRONMENT_PREFIX = "DESHIMMER_"

Table = dict[str, Any]


def _absolute(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_absolute():
        raise ValueError("give the whole path, from / or ~ on")
    return path


UserPath = Annotated[Path, AfterValidator(_absolute)]


def is_loopback(url: str) -> bool:
    """Whether a plain HTTP address is one of this machine's own."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")


def _loopback(url: str) -> str:
    if not is_loopback(url):
        raise ValueError("give the address of a ComfyUI on this machine, as http://127.0.0.1:8188")
    return url


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("give the address of a ComfyUI, as http://127.0.0.1:8188")
    return url


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HotFolder(_Section):
    """One folder that is watched, with all folders below it."""

    path: UserPath
    output: UserPath | None = Field(default=None, description="where results go; default: deshimmered/ inside the hot folder")
    profile: Profile = Field(default=Profile.MATCH, description="what results are delivered as (docs/profiles.md)")
    routes: tuple[Literal["smooth", "deband"], ...] = Field(default=("smooth", "deband"), description="repairs that may run unasked")
    existing: Literal["ignore", "process"] = Field(default="ignore", description="renders that lie there at the first start")
    ignore: tuple[str, ...] = Field(default=(), description="globs of names or relative paths that are left alone")
    regenerate: Literal["ask", "auto", "never"] = Field(
        default="ask",
        description="rendering again from a stored prompt: offered, started by itself where a GPU and the weights, or ComfyUI, are here, or never",
    )
    priority: int = Field(default=10, ge=1, le=1000, description="lower goes first")
    name: str = Field(
        default="{stem}.deshimmered", pattern=r"^[^/\\]*\{stem\}[^/\\]*$", description="name of the result without its suffix"
    )
    comparison: bool = Field(default=True, description="make the side-by-side video")
    markers: bool = Field(
        default=False,
        description="mark what was found and repaired in files for editing programs, EDL and OpenTimelineIO (docs/handoff.md)",
    )

    @property
    def results(self) -> Path:
        """The folder that results go to."""
        return self.output or self.path / "deshimmered"


class Intake(_Section):
    quiet_s: float = Field(default=2.0, ge=0, description="a render is looked at after this long without a change")
    incomplete_s: float = Field(default=60.0, ge=0, description="quiet but not whole for this long ends as 'file is incomplete'")
    rescan_s: float = Field(default=30.0, gt=0, description="events are hints: the folders are walked this often")


class Queue(_Section):
    database: str | None = Field(default=None, description="SQLAlchemy URL; default: a SQLite file in the state folder")
    cpu_jobs: int = Field(default=1, ge=1, le=64, description="clips treated at the same time on the CPU")
    idle_unload_s: float = Field(default=300.0, gt=0, description="an idle worker gives its memory back after this long")
    jobs_per_worker: int = Field(default=50, ge=1, description="a worker is replaced after this many jobs")


class Repair(_Section):
    strength: float = Field(default=1.0, ge=0, le=2, description="of smoothing; 1 removes what was measured")
    gpu: bool = Field(default=False, description="smooth on the GPU where PyTorch finds one; it then waits as all work on the GPU does")


class Sequences(_Section):
    """Folders of numbered frames (docs/sequences.md)."""

    fps: float = Field(default=24.0, gt=0, le=1000, description="frames a second of a sequence whose sidecar does not say it")


class Models(_Section):
    """What makes frames: the interpolator, and the models that render a clip again from its prompt."""

    folders: tuple[UserPath, ...] = Field(
        default=(), description="folders in which models of diffusers lie, besides our own and the Hub's cache"
    )
    allow_download: bool = Field(default=False, description="models that are not here may be fetched from the Hugging Face Hub")
    comfyui: Annotated[str, AfterValidator(_web_address)] | None = Field(
        default=None, description="ComfyUI that renders stored graphs again: http://127.0.0.1:8188"
    )
    comfyui_remote: bool = Field(default=False, description="that ComfyUI may be on another machine; clips and prompts are sent to it")

    interpolator: Literal["rife", "rife-ncnn-vulkan", "film"] = Field(
        default="rife", description='"rife", "rife-ncnn-vulkan" or "film"; without PyTorch, rife is rife-ncnn-vulkan where that is there'
    )
    rife: UserPath | None = Field(default=None, description="RIFE 4.x weights of your own: .safetensors, .pkl or .pth; default: 4.25")
    rife_ncnn: str = Field(
        default="rife-v4.6", pattern="rife-v4", description="model of rife-ncnn-vulkan: a folder beside the program, or a path"
    )
    film: UserPath | None = Field(default=None, description="FILM: a TorchScript file, or the folder of a SavedModel; its code is run")

    @model_validator(mode="after")
    def _comfyui_may_be_there(self) -> Self:
        if self.comfyui is not None and not self.comfyui_remote and not is_loopback(self.comfyui):
            raise ValueError("models.comfyui is on another machine: clips and prompts go there only with models.comfyui_remote = true")
        return self

    @model_validator(mode="after")
    def _film_has_a_path(self) -> Self:
        if self.interpolator == "film" and self.film is None:
            raise ValueError("interpolator 'film' needs the key models.film, the path of the model")
        return self


class Tools(_Section):
    ffmpeg: str | None = Field(
        default=None, description="an FFmpeg of your own: its path, its folder, or its name on the PATH; default: the one that comes along"
    )
    rife_ncnn_vulkan: UserPath | None = Field(default=None, description="path of rife-ncnn-vulkan; default: the one on the PATH")


class Disk(_Section):
    reserve_gb: float = Field(default=2.0, ge=0, description="free space that a repair leaves on the output disk")


class Courtesy(_Section):
    """When work waits for the person at the machine (docs/courtesy.md): "gpu" is what needs the GPU, "all" every job."""

    programs: tuple[str, ...] = Field(
        default=("resolve", "*premiere*", "*afterfx*", "*after effects*", "nuke*", "blender*"),
        description="globs of process names, in whatever case: while one of these uses the GPU, what needs it waits",
    )
    comfyui: Annotated[str, AfterValidator(_loopback)] | None = Field(
        default="http://127.0.0.1:8188", description="address of ComfyUI on this machine: GPU work waits while its queue is not empty"
    )
    gpu_memory: float = Field(default=0.6, gt=0, le=1, description="part of a GPU's memory that other programs may hold")
    gpu_utilisation: float = Field(default=0.5, gt=0, le=1, description="part of a GPU's time that other programs may take")
    idle_s: float | None = Field(default=None, gt=0, description="GPU work only after nobody touched mouse and keyboard for so long")
    on_battery: Literal["gpu", "all", "work"] = Field(default="gpu", description='what waits on battery; "work": nothing does')
    quiet_hours: QuietHours | None = Field(default=None, description='hours of the day in which work waits: "22:00-07:00"')
    in_quiet_hours: Literal["gpu", "all"] = Field(default="gpu", description="what waits in quiet hours")
    running: Literal["stop", "finish"] = Field(
        default="stop", description='GPU work that runs when a reason comes up: "stop" (done again later) or "finish"'
    )
    resume_after_s: float = Field(default=30.0, ge=0, description="a reason lasts so long beyond its end")
    after_queue: Literal["nothing", "notify", "command", "sleep"] = Field(
        default="nothing", description="what happens once when the queue has been worked off"
    )
    after_queue_command: tuple[str, ...] = Field(default=(), description="program and arguments for after_queue = command")

    @model_validator(mode="after")
    def _command_is_there(self) -> Self:
        if self.after_queue == "command" and not self.after_queue_command:
            raise ValueError("after_queue 'command' needs the key courtesy.after_queue_command")
        return self


class Notify(_Section):
    """Which desktop notifications there are, and when (docs/notifications.md)."""

    level: Literal["none", "problems", "all"] = Field(default="all", description='"problems": only of clips that need you; "none"')
    quiet_hours: QuietHours | None = Field(default=None, description='silent in these hours of the day, told afterwards: "22:00-07:00"')
    batch_s: float = Field(default=1800.0, ge=60, description="while the queue goes on, what has ended is told this often")


class Settings(_Section):
    hot_folders: tuple[HotFolder, ...] = ()
    intake: Intake = Intake()
    queue: Queue = Queue()
    repair: Repair = Repair()
    sequences: Sequences = Sequences()
    models: Models = Models()
    tools: Tools = Tools()
    disk: Disk = Disk()
    courtesy: Courtesy = Courtesy()
    notify: Notify = Notify()

    @property
    def database_url(self) -> str:
        return self.queue.database or f"sqlite:///{paths.state_dir() / 'queue.sqlite'}"


def load_settings(
    file: Path | None = None,
    overrides: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    text: str | None = None,
) -> Settings:
    """Read the settings. ``file`` must exist when it is named; the default file may be absent. ``text``: what the file is to hold.

    Raises SettingsError, which names the key and the place it came from, for an unknown key or a value that does not fit.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    source = file or paths.settings_file()
    for layer, origin in (*_layers_of_file(source, file is not None, text), *_fixed_layers(overrides, environment)):
        _merge(values, layer)
        origins.update(dict.fromkeys(_leaves(layer), origin))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _as_settings_error(error, origins, source) from None


def fixed_keys(overrides: Iterable[str] = (), environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The keys that the file cannot change, with what sets them: the environment and ``--set``."""
    return {key: origin for layer, origin in _fixed_layers(overrides, environment) for key in _leaves(layer)}


def _layers_of_file(source: Path, must_exist: bool, text: str | None) -> Iterator[tuple[Table, str]]:
    if text is not None:
        yield _parsed(text, source), str(source)
    elif must_exist or source.exists():
        yield _read_toml(source), str(source)


def _fixed_layers(overrides: Iterable[str], environment: Mapping[str, str] | None) -> Iterator[tuple[Table, str]]:
    env = os.environ if environment is None else environment
    for name in sorted(env):
        if name.startswith(_ENVIRONMENT_PREFIX):
            key = name.removeprefix(_ENVIRONMENT_PREFIX).lower().replace("__", ".")
            yield _nest(key, env[name]), f"the environment variable {name}"
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise SettingsError(f"Write --set as key=value, not '{override}'.")
        yield _nest(key.strip(), value), f"--set {override}"


def _read_toml(file: Path) -> Table:
    try:
        return _parsed(file.read_text(encoding="utf-8"), file)
    except OSError as error:
        raise SettingsError(f"The settings file cannot be read: {error.strerror}.", path=file) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"The settings file is not valid TOML: {error}.", path=file) from None


def _parsed(text: str, file: Path) -> Table:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file is not valid TOML: {error}.", path=file) from None


def _nest(key: str, text: str) -> dict[str, Any]:
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string, so that --set tools.ffmpeg=/usr/bin/ffmpeg needs no quotes
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _merge(into: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _merge(cast(Table, old), cast(Table, value))
        else:
            into[key] = value


def _leaves(layer: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for key, value in layer.items():
        if isinstance(value, dict):
            yield from _leaves(cast(Table, value), f"{prefix}{key}.")
        else:
            yield prefix + key


def _as_settings_error(error: ValidationError, origins: Mapping[str, str], file: Path) -> SettingsError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    origin = next((where for name, where in origins.items() if f"{key}.".startswith(f"{name}.") or name.startswith(f"{key}.")), str(file))
    what = "is not a setting" if first["type"] == "extra_forbidden" else f"does not fit: {first['msg'].removeprefix('Value error, ')}"
    return SettingsError(f"'{key}' {what} (from {origin}). 'deshimmer config show' lists every key.", path=file)
