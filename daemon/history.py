"""Receipts found on disk: what the history of jobs is rebuilt from, and what tells a render that is done from one that was."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic import ValidationError

from ..config.settings import Settings
from ..processors import naming
from ..processors.identity import is_of_queue, job_digest, prompt_digest
from ..processors.records import Outcome, Receipt, Request, from_json
from ..processors.sequences import frame_folders
from . import contents

if TYPE_CHECKING:
    from .table import Table

log = logging.getLogger(__name__)

_CHOSEN = ("route", "approved", "unasked", "candidates", "regenerate")
"""Of a request: what a person decided for one run, and what decides nothing about the result."""

_WRONG = (ValidationError, ValueError, KeyError, TypeError, OSError)


class Found(NamedTuple):
    receipt: Receipt
    request: Request
    content_digest: str  # empty where the clip was never read
    written: float  # seconds since the epoch
    rate: Fraction | None  # of a sequence

    @property
    def is_of_queue(self) -> bool:
        """False for a receipt of ``fix``."""
        return is_of_queue(self.receipt.id)


def read_receipt(path: Path) -> dict[str, Any] | None:
    """The receipt as it was written; None where there is none or it is no receipt."""
    try:
        record: Any = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return cast(dict[str, Any], record) if isinstance(record, dict) and "id" in record and "outcome" in record else None


def own_receipt(path: str | None, job_id: str) -> dict[str, Any] | None:
    """This job's; None also where another run of the render has put its own there."""
    record = read_receipt(Path(path)) if path else None
    return record if record is not None and record["id"] == job_id else None


def left_result(record: Mapping[str, Any] | None) -> Path | None:
    """What an earlier job delivered and this one, which delivers nothing, left there."""
    if record is None or record.get("output"):
        return None
    details: dict[str, Any] = record.get("details") or {}
    former: dict[str, Any] = details.get("former") or {}
    output = former.get("output")
    return Path(output) if output and Path(output).exists() else None


def find_receipts(folders: Iterable[Path]) -> Iterator[Found]:
    """Every receipt of a job, not those of ``fix``, below these folders; what does not read as one is passed over and logged."""
    for folder in folders:
        for path in sorted(folder.rglob("*.receipt.json")):
            try:
                found = _read(path)
            except _WRONG as error:
                log.warning("%s is passed over: %s", path, error)
                continue
            if found.is_of_queue:
                yield found


def enter(table: Table, folders: Iterable[Path], settings: Settings) -> int:
    """Enter the jobs whose receipts lie below these folders and that the table does not know. How many."""
    from ..processors import receipts  # here: it brings numpy

    return sum(
        table.insert_ended(
            receipts.summary(found.receipt), found.request, contents.rated(found.content_digest, found.rate, settings), found.written
        )
        for found in find_receipts(folders)
    )


def standing(request: Request, content_digest: str, settings: Settings) -> Receipt | None:
    """The receipt that makes this job needless, with its result still there: its own, or one of the same content whose route
    the user chose, by ``retry`` or ``fix``.
    """
    for names in naming.likely(request):
        try:
            found = _read(names.receipt)
        except _WRONG:
            continue
        if _serves(found, request) and _is_of(found, content_digest, settings):
            return found.receipt
    return None


def known_prompt(request: Request) -> str | None:
    """The digest of the prompt that the last receipt of this render tells of; None where none does."""
    for names in naming.likely(request):
        record = read_receipt(names.receipt) or {}
        details: dict[str, Any] = record.get("details") or {}
        if details.get("source") == str(request.path):
            return prompt_digest(details.get("stored"))
    return None


def _is_of(found: Found, content_digest: str, settings: Settings) -> bool:
    """Whether the job's id is that of this content; its prompt counts in it where it was known when the job was entered."""
    prompts = (None, prompt_digest(found.receipt.details.get("stored")))
    digests = {job_digest(content_digest, found.request, settings, prompt_digest=each) for each in prompts}
    return found.receipt.id.startswith(tuple(f"{digest}-" for digest in digests))


def _serves(found: Found, request: Request) -> bool:
    if found.is_of_queue:
        is_same = replace(found.request, **{key: getattr(request, key) for key in _CHOSEN}) == request
    else:
        is_same = found.request.path == request.path and not found.request.preview and found.receipt.outcome is not Outcome.FAILED
    output = found.receipt.output
    return is_same and (found.receipt.outcome is not Outcome.REPAIRED or (output is not None and output.exists()))


def _read(path: Path) -> Found:
    record = read_receipt(path)
    if record is None:
        raise ValueError("not a receipt")
    receipt = from_json(Receipt, record)
    clip: dict[str, Any] = receipt.details.get("clip") or {}
    rate = Fraction(clip["frame_rate"]) if clip.get("container") == frame_folders.CONTAINER else None
    return Found(receipt, from_json(Request, receipt.details["request"]), clip.get("digest", ""), path.stat().st_mtime, rate)
