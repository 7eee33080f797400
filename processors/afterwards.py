"""What is changed after a job has ended: its receipt, and which of its files stay. The original is never touched."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..config import locks, paths, whole
from ..config.errors import CannotWrite, DaemonError
from . import naming, receipts, work_folders
from .records import Outcome, Receipt, Route

KEPT_BY_CHOICE = "kept the original, as you chose"


def rewrite(receipt: Receipt) -> None:
    """Put a changed receipt in its place. Raises DaemonError where another job's receipt lies there by now, CannotWrite."""
    with locks.holding(_lock()):
        _put(receipt)


def keep_original(receipt: Receipt) -> Receipt:
    """Take the result and the comparison of this job out of the output folder, where they are its own. Returns the receipt as it is now.

    Raises DaemonError and CannotWrite; may be done again after either.
    """
    assert receipt.receipt is not None
    with locks.holding(_lock()):
        source, ours = naming.owned(receipt.receipt)
        _require_own(receipt)
        going = {path for path in (receipt.output, receipt.comparison) if path in ours and str(path) != source}
        try:
            for path in going:
                work_folders.remove(path)
        except OSError as error:
            raise CannotWrite(
                f"The result cannot be removed ({error.strerror}). Close what has it open, then try again.", path=receipt.output
            ) from None
        kept = replace(
            receipt,
            outcome=Outcome.KEPT,
            reason=KEPT_BY_CHOICE,
            route=Route.KEEP,
            output=None,
            comparison=None,
            offer=None,
            details=receipt.details | {"files": [path.name for path in ours if path not in going]},
        )
        _put(kept)
    return kept


def _put(receipt: Receipt) -> None:
    assert receipt.receipt is not None
    _require_own(receipt)
    try:
        whole.write(receipt.receipt, receipts.as_bytes(receipt))
    except OSError as error:
        raise CannotWrite(f"The receipt cannot be written ({error.strerror}). Free or unlock its folder.", path=receipt.receipt) from None


def _require_own(receipt: Receipt) -> None:
    assert receipt.receipt is not None
    lying = receipts.read(receipt.receipt)
    if lying is None or lying.id != receipt.id:
        raise DaemonError(
            "Its receipt is no longer there, or another run of the render has taken its place. 'deshimmer jobs' lists them.",
            path=os.fspath(receipt.receipt),
        )


def _lock() -> Path:
    return paths.runtime_dir() / "delivery.lock"
