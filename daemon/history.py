"""Receipts found on disk: what the history of jobs is rebuilt from, and what tells a render that is done from one that was."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from ..config.settings import Settings
from ..processors import naming
from ..processors.identity import job_digest
from ..processors.records import Outcome, Receipt, Request, from_json

log = logging.getLogger(__name__)

_CHOSEN = ("route", "approved", "candidates", "regenerate")
"""Of a request: what a person decided for one run, and what decides nothing about the result."""

_WRONG = (ValidationError, ValueError, KeyError, TypeError, OSError)


class Found(NamedTuple):
    receipt: Receipt
    request: Request
    content_digest: str  # empty where the clip was never read
    written: float  # seconds since the epoch

    @property
    def is_of_queue(self) -> bool:
        """False for a receipt of ``fix``."""
        return self.receipt.id.rpartition("-")[2].isdecimal()


def read_receipt(path: Path) -> dict[str, Any] | None:
    """The receipt as it was written; None where there is none or it is no receipt."""
    try:
        record: Any = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return cast(dict[str, Any], record) if isinstance(record, dict) and "id" in record and "outcome" in record else None


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


def standing(request: Request, content_digest: str, settings: Settings) -> Receipt | None:
    """The receipt that makes this job needless, with its result still there: its own, or one of the same content whose route
    the user chose, by ``retry`` or ``fix``.
    """
    for names in naming.likely(request):
        try:
            found = _read(names.receipt)
        except _WRONG:
            continue
        if _serves(found, request) and found.receipt.id.startswith(f"{job_digest(content_digest, found.request, settings)}-"):
            return found.receipt
    return None


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
    return Found(receipt, from_json(Request, receipt.details["request"]), clip.get("digest", ""), path.stat().st_mtime)
