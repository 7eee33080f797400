"""What is changed after a job has ended: its receipt, its report, and which of its files stay. The original is never touched."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from ..config import locks, paths, whole
from ..config.errors import CannotWrite, DaemonError
from . import formers, naming, receipts, work_folders
from .records import KEPT_BY_CHOICE, Outcome, Receipt, Route
from .reports import report


def rewrite(receipt: Receipt, told_from: Receipt | None = None) -> None:
    """Put a changed receipt, and a report that agrees with it, in their place. Raises CannotWrite, and DaemonError where another receipt
    lies there by now: another job's, or, with ``told_from``, not that one.
    """
    with locks.holding(_lock()):
        lying = _own(receipt)
        if told_from is not None and lying != told_from:
            raise DaemonError("Its receipt was changed at the same moment. Try again.", path=receipt.receipt)
        _put(receipt)


def keep_original(receipt: Receipt) -> Receipt:
    """Take the result, the comparison and the markers of this job out of the output folder, and those of an earlier job that it left there,
    where they are this render's own. Returns the receipt as it is now.

    Raises DaemonError and CannotWrite; may be done again after either.
    """
    assert receipt.receipt is not None
    with locks.holding(_lock()):
        source, ours = naming.owned(receipt.receipt)
        _own(receipt)
        results = {*formers.results(receipt), *(path for path in ours if path.name.endswith(naming.MARKERS))}
        going = {path for path in results if path in ours and str(path) != source}
        try:
            for path in going:
                work_folders.remove(path)
        except OSError as error:
            raise CannotWrite(
                f"The result cannot be removed ({error.strerror}). Close what has it open, then try again.", path=receipt.output
            ) from None
        kept = replace(receipt, outcome=Outcome.KEPT, reason=KEPT_BY_CHOICE, route=Route.KEEP, output=None, comparison=None, offer=None)
        kept = receipts.with_details(kept, files=[path.name for path in ours if path not in going])
        if earlier := receipt.details.get("former"):
            kept = formers.with_former(kept, earlier | {"output": None, "comparison": None})
        _put(kept)
    return kept


def _put(receipt: Receipt) -> None:
    """The receipt last: it is what counts."""
    assert receipt.receipt is not None
    try:
        report.write_again(receipts.passage_of(receipt), receipt)
        whole.write(receipt.receipt, receipts.as_bytes(receipt))
    except ValidationError:
        raise DaemonError("Its receipt is of another version. Retry the job.", path=receipt.receipt) from None
    except OSError as error:
        raise CannotWrite(f"The receipt cannot be written ({error.strerror}). Free or unlock its folder.", path=receipt.receipt) from None


def _own(receipt: Receipt) -> Receipt:
    """As it lies there."""
    assert receipt.receipt is not None
    lying = receipts.read(receipt.receipt)
    if lying is None or lying.id != receipt.id:
        raise DaemonError(
            "Its receipt is no longer there, or another run of the render has taken its place. 'deshimmer jobs' lists them.",
            path=os.fspath(receipt.receipt),
        )
    return lying


def _lock() -> Path:
    return paths.runtime_dir() / "delivery.lock"
