"""FFmpeg, the program: where it is, what it can do, and the arguments it is given.

ffmpeg-python compiles the arguments, ``config/spawn`` runs them. Every input carries the allow-lists, and every path the prefix
``file:``, so that a playlist in disguise is not followed and a name that begins with ``-`` or holds ``:`` is no option and no protocol.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import av.error
import imageio_ffmpeg

from ..config import spawn
from ..config.errors import CannotWrite, DeshimmerError, NotSetUp, ToolFailed
from ..config.probes import Probe
from . import ffmpeg_builds
from .ffmpeg_builds import OLDEST
from .media import OPEN_OPTIONS
from .records import ColorTags

if TYPE_CHECKING:
    from ..config.settings import Settings
    from .records import Clip, Progress

graph: Any = import_module("ffmpeg")
"""The package ffmpeg-python, which has no type stubs."""

NEEDED = (
    *(("encoders", name) for name in ("libx264", "libx265", "prores_ks")),
    *(("filters", name) for name in ("deflicker", "deband", "deblock", "setparams", "setsar", "format")),
    *(("demuxers", name) for name in ("nut", "mov", "matroska")),
    *(("muxers", name) for name in ("mp4", "mov", "matroska", "mpegts", "null")),
)
"""(kind, name) of what no installation does without."""

_CORRECT = "Correct it, or remove the key to use the FFmpeg that comes along."
_LONGEST_DESCRIPTION = 20_000
_REMEDY = "Install FFmpeg with 'pip install imageio-ffmpeg', or set tools.ffmpeg to the path of one."


def tool(settings: Settings) -> Path:
    """The FFmpeg that is used: ``tools.ffmpeg`` (a program, its folder, or a name on the PATH), else the one that imageio-ffmpeg ships.

    Raises NotSetUp with the remedy.
    """
    if settings.tools.ffmpeg is not None:
        return _own(settings.tools.ffmpeg)
    return _shipped()


def measuring_tool(settings: Settings) -> Path:
    """The FFmpeg that measures banding: the one that is used where it has libvmaf, else the one that comes along. Raises NotSetUp."""
    used = tool(settings)
    if settings.tools.ffmpeg is None or ("filters", "libvmaf") in ffmpeg_builds.of(used).has:
        return used
    return _shipped()


def _shipped() -> Path:
    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise NotSetUp(f"There is no FFmpeg. {_REMEDY}") from None


def _own(named: str) -> Path:
    is_bare = os.path.basename(named) == named and named not in ("", ".", "..", "~")
    if is_bare:
        found = shutil.which(named)
        if found is None:
            raise NotSetUp(f"tools.ffmpeg: no program '{named}' is on the PATH. {_CORRECT}", path=named)
        return Path(found).absolute()
    path = Path(named).expanduser().absolute()
    if path.is_dir():
        inside = shutil.which("ffmpeg", path=str(path))
        if inside is None:
            raise NotSetUp(f"tools.ffmpeg names a folder without a program ffmpeg in it. {_CORRECT}", path=path)
        return Path(inside)
    if not path.is_file():
        raise NotSetUp(f"tools.ffmpeg names no file. {_CORRECT}", path=path)
    if not os.access(path, os.X_OK):
        raise NotSetUp(f"tools.ffmpeg names a file that may not be executed. Make it executable (chmod +x). {_CORRECT}", path=path)
    return path


def probe(settings: Settings) -> Probe:
    """What this FFmpeg is and whether it can do our work. Never raises; asked once for each binary."""
    try:
        build = ffmpeg_builds.of(tool(settings))
    except DeshimmerError as error:
        return Probe("ffmpeg", None, False, f"{error.path}: {error}" if error.path else str(error), _REMEDY)
    missing = tuple(name for kind, name in NEEDED if (kind, name) not in build.has)
    lacks = (f"without {', '.join(missing)}",) if missing else ()
    old = (f"too old: {OLDEST[0]}.{OLDEST[1]} is the oldest that works",) if build.is_too_old else ()
    ok = not missing and not build.is_too_old
    return Probe("ffmpeg", build.version, ok, ", ".join((str(build), *old, *lacks)), None if ok else _REMEDY, missing)


_RAW_NAME = "file-bytes:"


def url(path: Path) -> str:
    """A file as FFmpeg takes it. A name that is not UTF-8, which ffmpeg-python cannot hash, is spelled out until ``arguments``."""
    name = f"file:{path.absolute()}"
    return name if _is_utf8(name) else _RAW_NAME + os.fsencode(name).hex()


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _argument(part: object) -> str:
    text = str(part)
    return os.fsdecode(bytes.fromhex(text.removeprefix(_RAW_NAME))) if text.startswith(_RAW_NAME) else text


def source(path: Path, **options: Any) -> Any:
    """A file as an input, with the allow-lists."""
    return graph.input(url(path), **OPEN_OPTIONS, **options)


def shown(binary: Path, clip: Clip, video: dict[str, Any], output: Path) -> list[str]:
    """The command that writes frames for people to look at: NUT on standard input, upright, square pixels, tagged with the clip's colours, or
    BT.709 for HDR, which ``pictures.shown`` brings there."""
    piped = graph.input("pipe:0", f="nut", format_whitelist="nut", protocol_whitelist="pipe")
    told = ColorTags("bt709", "bt709", "bt709") if clip.color.is_hdr else clip.color
    tags = {
        "range": "tv",
        "color_primaries": told.primaries,
        "color_trc": told.transfer,
        "colorspace": "bt709" if told.matrix in (None, "gbr") else told.matrix,
    }
    known = ":".join(f"{key}={value}" for key, value in tags.items() if value)
    picture: dict[str, Any] = {"vf": f"setparams={known},setsar=1", "fps_mode": "passthrough", "enc_time_base": "demux"}
    return arguments(binary, graph.output(piped["v:0"], url(output), f="mp4", movflags="+faststart", **picture, **video))


def require_options(options: Iterable[str], settings: Settings) -> None:
    """Raises NotSetUp when this FFmpeg lacks one of its own options; older ones do."""
    binary = tool(settings)
    missing = sorted(set(options) - _options(binary, binary.stat().st_mtime_ns)) if options else []
    if missing:
        raise NotSetUp(
            f"This FFmpeg cannot carry HDR's metadata (no -{', no -'.join(missing)}). Set tools.ffmpeg to a newer one, or remove the key.",
            path=binary,
        )


@cache
def _options(binary: Path, changed_ns: int) -> frozenset[str]:
    told = spawn.run([str(binary), "-hide_banner", "-h", "long"], timeout_s=30).decode(errors="replace")
    return frozenset(re.split(r"[\[ ]", line[1:], maxsplit=1)[0] for line in told.splitlines() if line.startswith("-"))


def described(path: Path, settings: Settings) -> str:
    """What FFmpeg says of a file's streams when it opens it, in its own words. Raises NotSetUp."""
    asked = graph.output(source(path)["v:0"], "-", f="null", t=0, c="copy").global_args("-hide_banner", "-nostdin", "-v", "verbose")
    with spawn.spawn([_argument(part) for part in asked.compile(cmd=str(tool(settings)))]) as process:
        process.wait()
        return process.error_tail(_LONGEST_DESCRIPTION)


def arguments(binary: Path, output: Any) -> list[str]:
    """The whole command of an ffmpeg-python ``output``: overwrites, quiet but for errors, progress on standard output."""
    quiet = output.global_args("-hide_banner", "-nostdin", "-loglevel", "error", "-nostats", "-progress", "pipe:1")
    return ffmpeg_builds.spoken([_argument(part) for part in quiet.overwrite_output().compile(cmd=str(binary))])


class Run:
    """A running FFmpeg. ``frames`` counts those that it has written so far."""

    def __init__(self, process: spawn.Process, seconds: float | None, progress: Progress | None) -> None:
        self.process = process
        self.frames = 0
        self._seconds = seconds
        self._progress = progress
        self._reported = 0.0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def has_ended(self, *, within_s: float) -> bool:
        """True once FFmpeg is gone, which a broken pipe shows a moment too early."""
        deadline = time.monotonic() + within_s
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.process.poll() is not None

    def finish(self, output: Path) -> int:
        """Wait for the end; the number of frames written. Raises ToolFailed or CannotWrite with FFmpeg's own words."""
        while self._reader.is_alive():
            self._reader.join(0.2)
            if self._progress is not None:
                self._progress(self._reported)
        if self.process.wait() != 0:
            raise failure(self.process, output)
        return self.frames

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            key, _, value = line.decode(errors="replace").strip().partition("=")
            if key == "frame" and value.isdigit():
                self.frames = int(value)
            elif key == "out_time_us" and self._seconds and value.isdigit():
                self._reported = min(int(value) / 1e6 / self._seconds, 1.0)


@contextmanager
def running(
    argv: Sequence[str], *, stdin: bool = False, seconds: float | None = None, progress: Progress | None = None
) -> Generator[Run, None, None]:
    """Start FFmpeg. ``seconds`` is the output's length, for ``progress``, which is called while ``finish`` waits.

    Raises NotSetUp where it lacks what the command asks for.
    """
    ffmpeg_builds.require(argv)
    with spawn.spawn(argv, stdin=stdin, stdout=True) as process:
        yield Run(process, seconds, progress)


@contextmanager
def feeding(run: Run, output: Path) -> Generator[IO[bytes], None, None]:
    """Its standard input. A pipe that breaks raises what FFmpeg says of it."""
    try:
        yield run.stdin
    except (av.error.FFmpegError, BrokenPipeError, ConnectionError) as error:
        if not run.has_ended(within_s=5):
            raise
        raise failure(run.process, output) from error


def failure(process: spawn.Process, output: Path) -> DeshimmerError:
    """FFmpeg's own words as an error of ours."""
    words = process.error_tail()
    if "No space left on device" in words:
        return CannotWrite("The disk is full. Free some space, then retry.", path=output.parent)
    said = words or "it gave no reason. Take another profile, or set tools.ffmpeg to another FFmpeg, and retry."
    return ToolFailed(f"FFmpeg ended with code {process.poll()}: {said}")  # ``output`` will not be there
