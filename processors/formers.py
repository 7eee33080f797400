"""What an earlier job of the same render left in the output folder, as a later one's receipt tells it (``details.former``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import naming, receipts
from .records import Receipt, Request


def former(request: Request) -> dict[str, Any] | None:
    """The ``fix --json`` object of the job whose result lies there; of the last job where no result does. None where none was before."""
    for each in naming.likely(request):
        receipt = receipts.read(each.receipt)
        if receipt is not None and receipt.details.get("source") == str(request.path):
            earlier = receipt.details.get("former")
            return earlier if receipt.output is None and earlier and earlier.get("output") else receipts.summary(receipt)
    return None


def with_former(receipt: Receipt, earlier: Mapping[str, Any] | None) -> Receipt:
    return receipt if earlier is None else receipts.with_details(receipt, former=dict(earlier))


def with_files(receipt: Receipt, earlier: Iterable[Path]) -> Receipt:
    """Where the new job delivers nothing: these stay, and stay this source's own."""
    files: list[str] = receipt.details["files"]
    stay = [path.name for path in earlier if path.exists() and path != receipt.receipt]
    return receipts.with_details(receipt, files=[*files, *(name for name in stay if name not in files)])


def left(receipt: Receipt) -> dict[str, Any]:
    """``details.former``, where this job delivers nothing itself."""
    return (receipt.details.get("former") or {}) if receipt.output is None else {}


def results(receipt: Receipt) -> tuple[Path, ...]:
    """Result and comparison that lie there for this render: the job's own, and those of an earlier one that it left."""
    earlier = left(receipt)
    named = (receipt.output, receipt.comparison, earlier.get("output"), earlier.get("comparison"))
    return tuple(Path(path) for path in named if path)
