"""What a render holds, as jobs are told apart by it: the digest of its bytes, and of a sequence the rate too, which no frame holds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from ..config.errors import ClipError
from ..config.settings import Settings
from ..processors import timing
from ..processors.prompts import sidecar


def rated(digest: str, rate: Fraction | None, settings: Settings) -> str:
    """The digest with this rate of a sidecar, which counts where the settings say another."""
    return digest if rate in (None, timing.exact_rate(settings.sequences.fps)) else f"{digest}@{rate}"


def said_rate(path: Path) -> Fraction | None:
    """Frames a second that a sidecar says of a sequence; None for a file, and where none does."""
    if not path.is_dir() or not sidecar.of_folder(path):
        return None
    from ..processors.sequences import frame_folders, sequence_clips  # here: they bring FFmpeg's libraries

    try:
        return sequence_clips.stored_rate(frame_folders.find(path))
    except ClipError:
        return None  # its job says what is wrong with it
