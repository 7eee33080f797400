"""Which encoders the FFmpeg in use has, and whether those that need hardware work here: a few frames tell, once for each FFmpeg."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ...config import spawn
from ...config.errors import DeshimmerError, NotSetUp
from ...config.profiles import Profile
from .. import ffmpeg, ffmpeg_builds
from . import coders

if TYPE_CHECKING:
    from ...config.settings import Settings

_HARDWARE = frozenset(coder.encoder for profile, choices in coders.CODERS.items() if profile.is_hardware for coder in choices)
_TRIAL = "testsrc2=size=640x360:rate=25:duration=0.4"
_TRIAL_S = 60
_ALL_IT_SAYS = 16_000

_MAKERS = {
    "nvenc": "an NVIDIA GPU with an encoder, and its driver",
    "qsv": "an Intel GPU with Quick Sync, and its driver",
    "amf": "an AMD GPU, and its driver",
    "videotoolbox": "a Mac",
}


def require(encoder: str, settings: Settings) -> None:
    """Raises NotSetUp, with what is missing, where this FFmpeg does not have the encoder or it does not work here."""
    binary = ffmpeg.tool(settings)
    changed_ns = binary.stat().st_mtime_ns
    if ("encoders", encoder) not in ffmpeg_builds.of(binary).has:
        what = _MAKERS.get(encoder.rsplit("_", 1)[-1])
        needs = f" It needs {what}." if what else ""
        raise NotSetUp(
            f"This FFmpeg has no encoder {encoder}.{needs} Set tools.ffmpeg to an FFmpeg that has it, or take another profile.", path=binary
        )
    refusal = _refusal(binary, changed_ns, encoder) if encoder in _HARDWARE else None
    if refusal is not None:
        what = _MAKERS[encoder.rsplit("_", 1)[-1]]
        raise NotSetUp(f"The encoder {encoder} does not work here; it needs {what}. Take another profile. FFmpeg says: {refusal}")


def working_hardware(settings: Settings) -> tuple[Profile, ...]:
    """The hardware profiles whose encoders work here. Raises NotSetUp without FFmpeg."""
    return tuple(profile for profile in coders.CODERS if profile.is_hardware and _works(profile, settings))


def _works(profile: Profile, settings: Settings) -> bool:
    binary = ffmpeg.tool(settings)
    changed_ns = binary.stat().st_mtime_ns
    encoder = coders.CODERS[profile][0].encoder
    return ("encoders", encoder) in ffmpeg_builds.of(binary).has and _refusal(binary, changed_ns, encoder) is None


@cache
def _refusal(binary: Path, changed_ns: int, encoder: str) -> str | None:
    """FFmpeg's last words where it cannot encode a few frames with it."""
    coder = next(coder for choices in coders.CODERS.values() for coder in choices if coder.encoder == encoder)
    source = ["-f", "lavfi", "-i", _TRIAL, "-vf", f"format={coder.formats[0]}"]
    options = [part for name, value in coder.options.items() for part in (f"-{name}", str(value))]
    argv = [str(binary), "-hide_banner", "-nostdin", "-loglevel", "error", *source, "-c:v", encoder, *options, "-f", "null", "-"]
    try:
        spawn.run(argv, timeout_s=_TRIAL_S, error_characters=_ALL_IT_SAYS)  # the encoder's reason comes first
    except DeshimmerError as error:
        said = error.message.strip().splitlines()
        told = next((line for line in said if f"[{encoder} " in line), said[-1])
        return told.rpartition("] ")[2]
    return None
