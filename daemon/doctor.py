"""The command ``doctor``: every tool, device and folder works, or here is how to make it work."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile

from ..config import paths, service
from ..config.errors import CannotWrite, DeshimmerError
from ..config.settings import Settings
from . import client, show
from .session import FAILED, OK, Session

_AI = "pip install 'deshimmer[ai]'; from a checkout: python3 dev.py run --ai"
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_watches")
_ENOUGH_WATCHES = 65536


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    optional: bool
    detail: str
    remedy: str | None = None


def doctor(session: Session) -> int:
    """Check every tool, device and folder: it works, or how to make it work."""
    checks = list(examine(session.settings))
    good = all(check.ok or check.optional for check in checks)
    session.result({"ok": good, "checks": [asdict(check) for check in checks]})
    if not session.json_lines:
        for check in checks:
            mark = "[green]works[/]  " if check.ok else ("[yellow]absent[/] " if check.optional else "[red]broken[/] ")
            show.print_marked(f"{mark} [bold]{check.name}[/]: {show.escaped(check.detail)}")
            if check.remedy and not check.ok:
                show.print_marked(f"         {show.escaped(check.remedy)}")
        show.print_marked("[green]Everything needed works.[/]" if good else "[red]Something needed does not work.[/]")
    return OK if good else FAILED


def examine(settings: Settings) -> Iterator[Check]:
    """All checks, in the order in which they are shown. None raises."""
    for check in _CHECKS:
        yield from check(settings)


def _python(settings: Settings) -> Iterable[Check]:
    yield Check("python", sys.version_info >= (3, 11), False, platform.python_version(), "Install Python 3.11 or newer.")


def _ffmpeg(settings: Settings) -> Iterable[Check]:
    from ..processors import ffmpeg, ffmpeg_builds

    probe = ffmpeg.probe(settings)
    yield Check("ffmpeg", probe.ok, False, probe.detail, probe.remedy)
    if probe.version is None:
        return
    build = ffmpeg_builds.of(ffmpeg.tool(settings))
    for part, problem in ffmpeg_builds.examine(build):
        name = f"ffmpeg, {part.name}"
        if problem is None:
            yield Check(name, True, not part.is_needed, f"{part.wanted.encoder} encodes {part.wanted.pixel_format}")
        else:
            yield Check(name, False, not part.is_needed, f"it {problem}: {part.without}", ffmpeg_builds.REMEDY)
    if ("filters", "libvmaf") not in build.has:
        yield _measuring(settings)


def _measuring(settings: Settings) -> Check:
    from ..processors import ffmpeg

    name = "ffmpeg, libvmaf"
    try:
        return Check(name, True, False, f"it has none: banding is measured with {ffmpeg.measuring_tool(settings)}")
    except DeshimmerError as error:
        return Check(name, False, False, f"it has none, and banding cannot be measured: {error}", error.message)


def _packages(settings: Settings) -> Iterable[Check]:
    for name, module, package in (("pyav", "av", "av"), ("opencv", "cv2", "opencv-python-headless"), ("pillow", "PIL", "pillow")):
        remedy = f"pip install --force-reinstall {package}"
        try:
            __import__(module)
            yield Check(name, True, False, metadata.version(package))
        except (ImportError, metadata.PackageNotFoundError) as error:
            yield Check(name, False, False, str(error), remedy)


def _torch(settings: Settings) -> Iterable[Check]:
    present = find_spec("torch") is not None
    detail = metadata.version("torch") if present else "not installed: interpolation (RIFE) is not available"
    yield Check("torch", present, True, detail, _AI)


def _rife(settings: Settings) -> Iterable[Check]:
    from ..processors.interpolators.rife import WEIGHTS

    own = settings.models.rife
    if own is not None and find_spec("torch") is not None:
        yield _configured("rife weights", own, _own_weights)
        return
    used = own or WEIGHTS
    remedy = "Correct models.rife." if own else "Install deshimmer again: its weights are missing."
    yield Check("rife weights", used.is_file(), own is None, used.name if used.is_file() else f"{used}: not there", remedy)


def _own_weights(path: Path) -> str:
    from ..processors.interpolators import rife_weights

    layout = rife_weights.layout(rife_weights.read(path), path)
    return f"{path}, layout of RIFE {layout.versions}"


def _ncnn(settings: Settings) -> Iterable[Check]:
    from ..processors.interpolators import rife_ncnn

    probe = rife_ncnn.probe(settings)
    is_wanted = settings.tools.rife_ncnn_vulkan is not None or settings.models.interpolator == rife_ncnn.NAME
    yield Check(rife_ncnn.NAME, probe.ok, not is_wanted, probe.detail, probe.remedy)


def _film(settings: Settings) -> Iterable[Check]:
    path = settings.models.film
    if path is None:
        remedy = "Set models.film to FILM's TorchScript file or SavedModel folder, and models.interpolator to film."
        yield Check("film", False, True, "not set up: models.film names no model", remedy)
        return
    yield _configured("film", path, _film_model)


def _film_model(path: Path) -> str:
    from ..processors.interpolators import film_models

    film_models.check(path)
    return f"{path}, not run"


def _comfyui(settings: Settings) -> Iterable[Check]:
    from ..processors.comfyui import user_comfyui

    probe = user_comfyui.probe(settings)
    yield Check(user_comfyui.NAME, probe.ok, True, probe.detail, probe.remedy)


def _configured(name: str, path: Path, describe: Callable[[Path], str]) -> Check:
    """A model that the settings name: no optional part then."""
    try:
        return Check(name, True, False, describe(path))
    except DeshimmerError as error:
        return Check(name, False, False, f"{path}: {error.title.lower()}", error.message)


def _rendering(settings: Settings) -> Iterable[Check]:
    """What rendering clips again needs."""
    from ..processors.families import needs, quantisation, store

    missing = needs.missing()
    for package in needs.PACKAGES:
        if package in ("diffusers", "transformers") or (package in missing and "diffusers" not in missing):
            present = package not in missing
            yield Check(
                package, present, True, metadata.version(package) if present else "not installed: clips are not rendered again", _AI
            )
    add = "deshimmer models add THUDM/CogVideoX-5b, or a folder that you have"
    found = [model for model in store.installed(settings) if model.family is not None]
    if not found:
        yield Check("models", False, True, "none is here: clips are not rendered again on this machine", add)
    for model in found:
        yield Check(f"model {model.name}", model.whole, True, model.problem or f"{model.size_bytes / 1e9:.1f} GB, {model.folder}", add)
    fewer = ", ".join(backend.name for backend in quantisation.backends())
    yield Check("quantised weights", bool(fewer), True, fewer or "no library for them", "pip install torchao")


def _gpu(settings: Settings) -> Iterable[Check]:
    remedy = "Nothing is lost but speed: everything runs on the CPU."
    if find_spec("torch") is None:
        yield Check("gpu", False, True, "not looked for: torch is not installed", remedy)
        return
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        yield Check("gpu", True, True, f"{torch.cuda.get_device_name()}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free")
    elif torch.backends.mps.is_available():
        yield Check("gpu", True, True, "Apple silicon")
    else:
        yield Check("gpu", False, True, "torch sees none", remedy)


def _state(settings: Settings) -> Iterable[Check]:
    for name, make in (("state folder", paths.state_dir), ("runtime folder", paths.runtime_dir)):
        try:
            yield _folder(name, make(), "Give yourself the right to write there.")
        except CannotWrite as error:
            yield Check(name, False, False, f"{error.path}: it cannot be written", error.message)
    for hot_folder in settings.hot_folders:
        name = f"hot folder {hot_folder.path}"
        if not hot_folder.path.is_dir():
            yield Check(name, False, False, "it is not there", "Make it, or mount its disk.")
            continue
        results = hot_folder.results
        nearest = next(folder for folder in (results, *results.parents) if folder.exists())
        yield _folder(name, nearest, "Give yourself the right to write there, or set another output.", settings.disk.reserve_gb)


def _folder(name: str, folder: Path, remedy: str, reserve_gb: float = 0.0) -> Check:
    try:
        os.scandir(folder).close()
        with TemporaryFile(dir=folder):
            free_gb = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        return Check(name, False, False, f"{folder}: {error.strerror}", remedy)
    if free_gb <= reserve_gb:
        return Check(
            name, False, False, f"{folder}: only {free_gb:.1f} GB free", f"Free some space: disk.reserve_gb keeps {reserve_gb:g} GB."
        )
    return Check(name, True, False, f"{folder}: {free_gb:.0f} GB free")


def _events(settings: Settings) -> Iterable[Check]:
    try:
        watches = int(_INOTIFY.read_text())
    except (OSError, ValueError):
        return
    remedy = f"sudo sysctl fs.inotify.max_user_watches={_ENOUGH_WATCHES * 8}; without, deep trees are only noticed at the rescan."
    yield Check("file events", watches >= _ENOUGH_WATCHES, True, f"up to {watches} folders", remedy)


def _courtesy(settings: Settings) -> Iterable[Check]:
    from .courtesy.findings import findings

    for found in findings(settings.courtesy):
        yield Check(found.name, found.ok, True, found.detail, found.remedy)


def _daemon(settings: Settings) -> Iterable[Check]:
    daemon = client.find()
    detail = f"running, process {daemon.pid}" if daemon else "not running"
    yield Check("daemon", daemon is not None, True, detail, f"{service.start_command()}, or deshimmer watch DIR")


_CHECKS: tuple[Callable[[Settings], Iterable[Check]], ...] = (
    _python,
    _ffmpeg,
    _packages,
    _torch,
    _rife,
    _ncnn,
    _film,
    _comfyui,
    _rendering,
    _gpu,
    _state,
    _events,
    _courtesy,
    _daemon,
)
