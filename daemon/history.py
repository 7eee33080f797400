"""Receipts found on disk: what the history of jobs is rebuilt from, and what tells a job that is done from one that was."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..processors.records import Receipt, Request, from_json

log = logging.getLogger(__name__)


class Found(NamedTuple):
    receipt: Receipt
    request: Request
    content_digest: str  # empty where the clip was never read
    written: float  # seconds since the epoch


def read_receipt(path: Path) -> dict[str, Any] | None:
    """The receipt as it was written; None where there is none or it is no receipt."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "id" in record and "outcome" in record else None


def find_receipts(folders: Iterable[Path]) -> Iterator[Found]:
    """Every receipt of a job, not those of ``fix``, below these folders; what does not read as one is passed over and logged."""
    for folder in folders:
        for path in sorted(folder.rglob("*.receipt.json")):
            record = read_receipt(path)
            try:
                if record is None:
                    raise ValueError("not a receipt")
                receipt = from_json(Receipt, record)
                request = from_json(Request, receipt.details["request"])
                clip = receipt.details.get("clip") or {}
                if receipt.id.rpartition("-")[2].isdecimal():
                    yield Found(receipt, request, clip.get("digest", ""), path.stat().st_mtime)
            except (ValidationError, ValueError, KeyError, TypeError, OSError) as error:
                log.warning("%s is passed over: %s", path, error)
