"""Work folders: hidden, in the output's file system, one a job; and the moves out of them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ..config import spawn
from ..config.errors import CannotWrite
from .prompts import sidecar
from .records import Receipt, from_json, to_json
from .sequences import frame_folders

ROOT = ".deshimmer-work"
_OWNER = "owner.json"
_INTENT = "delivery.json"


@dataclass(frozen=True)
class Intent:
    """A delivery that was decided: it is carried out to its end, however often it is killed."""

    moves: tuple[tuple[Path, Path], ...]
    former: tuple[Path, ...]  # of this source's earlier jobs; those not replaced are removed
    receipt: dict[str, Any]


def make_work_folder(root: Path, job_id: str) -> Path:
    """``<root>/.deshimmer-work/<job_id>``, owned by this process from now on. Raises CannotWrite."""
    folder = root / ROOT / job_id
    own = psutil.Process()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _OWNER).write_text(json.dumps({"pid": own.pid, "started": own.create_time()}))
    except OSError as error:
        raise CannotWrite(f"The output folder cannot be written ({error.strerror}). Choose another with --output.", path=root) from None
    return folder


def sweep_work_folders(root: Path, keep: Collection[str]) -> int:
    """Remove the work folders below ``root`` whose job is not in ``keep`` and whose owner is gone; how many were removed.

    A delivery that was killed half-way takes back what it had moved.
    """
    swept = 0
    with suppress(OSError):
        for folder in (root / ROOT).iterdir():
            if folder.name in keep or _is_owned(folder):
                continue
            take_back(folder)
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
        (root / ROOT).rmdir()
    return swept


def abandon(folder: Path) -> None:
    """Remove one work folder of this process; a delivery that was interrupted half-way takes back what it had moved."""
    take_back(folder)
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()  # succeeds for the last one only


def take_back(folder: Path) -> None:
    """Remove what an interrupted delivery had moved out of this work folder, unless its receipt lies already. A result of frames that it
    had moved aside comes back.
    """
    intent = read_intent(folder)
    if intent is None or _is_committed(intent):
        return
    for staged, target in intent.moves:
        if not staged.exists():
            remove(target)
        if _aside(staged).exists() and not target.exists():
            os.replace(_aside(staged), target)
    (folder / _INTENT).unlink(missing_ok=True)


def write_intent(folder: Path, moves: Iterable[tuple[Path, Path]], former: Iterable[Path], receipt: Receipt) -> Intent:
    intent = Intent(tuple(moves), tuple(former), to_json(receipt))
    write_whole(folder / _INTENT, json.dumps(to_json(intent)).encode())
    return intent


def read_intent(folder: Path) -> Intent | None:
    try:
        return from_json(Intent, json.loads((folder / _INTENT).read_bytes()))
    except FileNotFoundError:
        return None


def put(content: bytes, target: Path, folder: Path) -> None:
    """Write a file to its place by way of ``folder``, so that it appears whole."""
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / "staged"
    write_whole(staged, content)
    move(staged, target)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there in full or not at all, also after a power cut."""
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def move(staged: Path, target: Path) -> None:
    """Rename into place, with the content on the disk before and the name after. A folder of frames goes whole: what stood in its place is
    moved aside first, into the work folder, since no folder can be renamed over another.
    """
    for file in sorted(staged.iterdir()) if staged.is_dir() else [staged]:
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())
    if target.is_dir() or (staged.is_dir() and target.exists()):
        os.replace(target, _aside(staged))
    os.replace(staged, target)
    if sys.platform != "win32":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove(path: Path) -> None:
    """Remove a result where it lies: a file, or a folder of frames, in which everything stays that is neither frame nor sidecar."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for each in path.iterdir():
        if each.name.lower().endswith((*frame_folders.SUFFIXES, sidecar.SUFFIX)) and not each.is_dir():
            each.unlink()
    with suppress(OSError):
        path.rmdir()  # somebody's own file is in it


def _aside(staged: Path) -> Path:
    """Where the former result lies while this one takes its place."""
    return staged.with_name(f"{staged.name}.former")


def _is_owned(folder: Path) -> bool:
    try:
        owner = json.loads((folder / _OWNER).read_bytes())
        return spawn.is_running(owner["pid"], owner["started"])
    except (OSError, ValueError, KeyError):
        return False


def _is_committed(intent: Intent) -> bool:
    try:
        return json.loads(Path(intent.receipt["receipt"]).read_bytes())["id"] == intent.receipt["id"]
    except (OSError, ValueError, KeyError):
        return False
