"""The tags of a video file by key, and the one box that FFmpeg does not show."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import BinaryIO

from ...config.errors import ClipError
from ..inventory import boxes
from .untrusted import MOST_BYTES

log = logging.getLogger(__name__)

_ROOT = (b"moov", b"udta", b"wflo")
_PADDING = 4  # zero bytes before the workflow


def read(path: Path) -> dict[str, str]:
    """Tags by lower-case key, with ``workflow`` from the box ``wflo`` where no tag has it. Empty where the file is no container."""
    from ..containers import open_container  # PyAV: needed only where a clip is looked into

    try:
        with open_container(path) as container:
            found = {key.lower(): value for key, value in container.metadata.items() if len(value) <= MOST_BYTES}
    except ClipError as error:
        log.info("%s has no tags that can be read: %s", path, error)
        return {}
    if "workflow" not in found and (workflow := _workflow_box(path)):
        found["workflow"] = workflow
    return found


def _workflow_box(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            if file.read(8)[4:] != b"ftyp":
                return None
            found = boxes.at(file, 0, path.stat().st_size, *_ROOT)
            return _text(file, found.start, found.end) if found else None
    except OSError:
        return None


def _text(file: BinaryIO, start: int, end: int) -> str | None:
    if end - start > MOST_BYTES:
        return None
    file.seek(start)
    data = file.read(end - start)
    return data.removeprefix(b"\0" * _PADDING).rstrip(b"\0").decode("utf-8", "replace")
