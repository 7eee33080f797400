"""The tags of a video file by key, and the one box that FFmpeg does not show."""

from __future__ import annotations

import logging
import struct
from pathlib import Path
from typing import BinaryIO

from ...config.errors import ClipError
from .untrusted import MOST_BYTES

log = logging.getLogger(__name__)

_MOST_BOXES = 10_000
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
            start, end = 0, path.stat().st_size
            for name in _ROOT:
                found = _box(file, start, end, name)
                if found is None:
                    return None
                start, end = found
            return _text(file, start, end)
    except OSError:
        return None


def _text(file: BinaryIO, start: int, end: int) -> str | None:
    if end - start > MOST_BYTES:
        return None
    file.seek(start)
    data = file.read(end - start)
    return data.removeprefix(b"\0" * _PADDING).rstrip(b"\0").decode("utf-8", "replace")


def _box(file: BinaryIO, start: int, end: int, name: bytes) -> tuple[int, int] | None:
    """Where the content of the first box of this name lies between two places."""
    for _ in range(_MOST_BOXES):
        file.seek(start)
        head = file.read(16)
        if len(head) < 8 or start + 8 > end:
            return None
        size, header = struct.unpack(">I", head[:4])[0], 8
        if size == 1 and len(head) == 16:
            size, header = struct.unpack(">Q", head[8:])[0], 16
        size = end - start if size == 0 else size
        if size < header or start + size > end:
            return None
        if head[4:8] == name:
            return start + header, start + size
        start += size
    return None
