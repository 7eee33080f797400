"""The receipt: what happened to a job, in full, as a record, as a file, and as the line that ``fix --json`` prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import ffmpeg
from .editors.ranges import Range, as_records
from .records import Outcome, Passage, Reading, Receipt, Route, from_json, to_json
from .reports import traces

if TYPE_CHECKING:
    from ..config.errors import DeshimmerError
    from ..config.settings import Settings
    from .naming import Outputs
    from .offers import Offer
    from .outcome import Ending

_SUMMARY_KEYS = (
    *("id", "path", "outcome", "reason", "verdict", "route", "output", "comparison", "report", "receipt"),
    *("before", "after", "verified", "offer", "seconds"),
)
_FAILED_KEYS = ("path", "outcome", "error", "id", "receipt")
_FIGURES = ("flicker_score", "bands", "codec", "article_mean_diff")
_PARTS = ("request", "clip", "stored", "diagnosis", "plan", "candidate", "verification")


def summary(receipt: Receipt) -> dict[str, Any]:
    """The object that ``fix --json`` prints."""
    values = to_json(receipt)
    return {key: values[key] for key in (_FAILED_KEYS if receipt.outcome is Outcome.FAILED else _SUMMARY_KEYS)}


def build(
    passage: Passage,
    settings: Settings,
    ending: Ending,
    names: Outputs | None,
    files: Collection[Path],
    error: DeshimmerError | None = None,
    offer: Offer | None = None,
    ranges: Sequence[Range] = (),
) -> Receipt:
    """The receipt of a job that ends like this; ``files`` are the outputs that lie there for it. Without ``names`` it has no place."""

    def placed(path: Path | None) -> Path | None:
        return path if path in files else None

    diagnosis, verification, candidate = passage.diagnosis, passage.verification, passage.candidate
    kept = ending.outcome in (Outcome.KEPT, Outcome.FLAGGED)
    delivered = candidate.treatment.route if ending.delivers and candidate else None
    return Receipt(
        id=passage.job_id,
        path=passage.request.shown_path,
        outcome=ending.outcome,
        reason=ending.reason,
        verdict=diagnosis.verdict if diagnosis else None,
        route=Route.KEEP if kept else delivered,
        output=placed(names.result) if names else None,
        comparison=placed(names.comparison) if names else None,
        report=placed(names.report) if names else None,
        receipt=names.receipt if names else None,
        before=_figures(diagnosis.reading) if diagnosis else None,
        after=_figures(verification.reading) if verification else None,
        verified=ending.verified,
        offer=offer.as_dict() if offer else None,
        seconds=round(sum(passage.timings.values()), 3),
        error=_error(passage, error) if error else None,
        details=_details(passage, settings, files) | {"ranges": as_records(ranges)},
    )


def with_details(receipt: Receipt, **details: Any) -> Receipt:
    return replace(receipt, details=receipt.details | details)


def as_bytes(receipt: Receipt) -> bytes:
    values = to_json(receipt)
    if receipt.error is None:
        del values["error"]
    return json.dumps(values, indent=1).encode()


def read(path: Path) -> Receipt | None:
    """The receipt in a file; None where there is none or it is none of ours."""
    try:
        return from_json(Receipt, json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def passage_of(receipt: Receipt) -> Passage:
    """The passage as it stood when its receipt was written, without what lay in the work folder. Raises pydantic.ValidationError for a
    receipt of a version that kept other details.
    """
    kept: dict[str, Any] = {key: receipt.details.get(key) for key in (*_PARTS, "rejected", "timings")}
    folder = receipt.receipt.parent if receipt.receipt else Path()
    return from_json(Passage, {**kept, "job_id": receipt.id, "work_folder": folder, "attempt": len(kept["rejected"] or ())})


def versions(settings: Settings) -> dict[str, str | None]:
    """Versions of what took part; torch's only where it is loaded."""
    known: dict[str, str | None] = {name: metadata.version(name) for name in ("deshimmer", "av", "opencv-python-headless", "numpy")}
    known["ffmpeg"] = ffmpeg.probe(settings).version
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        known["torch"] = str(torch.__version__)
    return known


def _figures(reading: Reading) -> dict[str, Any]:
    values = to_json(reading)
    return {key: values[key] for key in _FIGURES}


def _error(passage: Passage, error: DeshimmerError) -> dict[str, str | None]:
    about_the_clip = error.path in (None, str(passage.request.path))
    return error.as_dict() | ({"path": passage.request.shown_path} if about_the_clip else {})


def _details(passage: Passage, settings: Settings, files: Collection[Path]) -> dict[str, Any]:
    parts = {key: getattr(passage, key) for key in _PARTS}
    return {
        "source": str(passage.request.path),
        "files": [path.name for path in files],
        **{key: None if part is None else to_json(part) for key, part in parts.items()},
        "rejected": [to_json(each) for each in passage.rejected],
        "traces": traces.of(passage),
        "timings": dict(passage.timings),
        "versions": versions(settings),
        "settings": settings.model_dump(mode="json", include={"repair", "models", "tools", "disk"}),
    }
