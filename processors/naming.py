"""What the outputs of a clip are called, so that no two sources share a name and nothing foreign is overwritten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from .records import from_json

if TYPE_CHECKING:
    from .records import Request

_LONGEST_BYTES = 255  # of a file name, on every file system in use
_LIKELY_NAMES = 10
_RECEIPT = ".receipt.json"
MARKERS = (".markers.edl", ".markers.otio")
_LONGEST_ENDING = ".deshimmered.comparison.mp4"


@dataclass(frozen=True)
class Outputs:
    result: Path
    comparison: Path
    report: Path
    receipt: Path

    def __iter__(self) -> Iterator[Path]:
        return iter((self.result, self.comparison, self.report, self.receipt))

    @property
    def markers(self) -> tuple[Path, ...]:
        """The EDL and the OpenTimelineIO file, where somebody asks for them."""
        return tuple(self.receipt.with_name(self.receipt.name.removesuffix(_RECEIPT) + ending) for ending in MARKERS)


@dataclass(frozen=True)
class _Claim:
    source: str
    files: tuple[str, ...]


def outputs(request: Request, container_suffix: str) -> Outputs:
    """The four paths for this source; ``container_suffix`` is the result's, with its dot, and empty for a folder of frames. A preview has its own
    (``clip.preview.comparison.mp4``), beside what a repair of the clip left.

    The plain names where they are free or this source's own, else those that keep the source's suffix
    (``clip.mov.deshimmered.mov``), else numbered ones.
    """
    return next(each for each in candidates(request, container_suffix) if _is_free(each, request))


def candidates(request: Request, container_suffix: str) -> Iterator[Outputs]:
    """All names that this source's outputs may have, the plain ones first. Endless."""
    yield _named(request, request.path.name if request.path.is_dir() else request.path.stem, container_suffix)
    number = 1
    while True:
        yield _named(request, request.path.name if number == 1 else f"{request.path.name}-{number}", container_suffix)
        number += 1


def owned(receipt: Path) -> tuple[str | None, tuple[Path, ...]]:
    """The source that a receipt speaks of, and the files beside it that it claims. Nothing for what is no receipt."""
    try:
        claim = from_json(_Claim, json.loads(receipt.read_bytes())["details"])
    except (OSError, ValueError, TypeError, KeyError):
        return None, ()
    return claim.source, tuple(receipt.parent / name for name in claim.files if Path(name).name == name)


def likely(request: Request) -> Iterator[Outputs]:
    """The names under which earlier outputs of this source may lie."""
    return islice(candidates(request, request.path.suffix), _LIKELY_NAMES)


def former(request: Request) -> tuple[Path, ...]:
    """All files of earlier jobs of this very source, their receipts among them."""
    found: list[Path] = []
    for each in likely(request):
        source, files = owned(each.receipt)
        if source == str(request.path):
            found += [each.receipt, *files]
    return tuple(found)


def _named(request: Request, stem: str, container_suffix: str) -> Outputs:
    stem = f"{shortened(stem)}.preview" if request.preview else shortened(stem)
    folder = request.output_dir
    return Outputs(
        folder / f"{request.name.replace('{stem}', stem)}{container_suffix}",
        folder / f"{stem}.comparison.mp4",
        folder / f"{stem}.report.html",
        folder / f"{stem}{_RECEIPT}",
    )


def _is_free(each: Outputs, request: Request) -> bool:
    source, files = owned(each.receipt)
    ours = {each.receipt, *files} if source == str(request.path) else set[Path]()
    return request.path not in each and all(path in ours or not path.exists() for path in (*each, *each.markers))


def shortened(stem: str) -> str:
    room = _LONGEST_BYTES - len(_LONGEST_ENDING) - 40
    raw = stem.encode(errors="surrogateescape")
    if len(raw) <= room:
        return stem
    mark = hashlib.blake2b(raw, digest_size=4).hexdigest()
    return f"{raw[: room - 9].decode(errors='ignore')}-{mark}"
