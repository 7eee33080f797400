"""Walking a cell for real, as ``deshimmer fix`` does, and hearing the witness on what came back."""

from __future__ import annotations

import pickle
import re
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import allowed
import terms
import witness
from cells import INPUTS, Cell
from footage import Store
from terms import Breach

from deshimmer.config.errors import DeshimmerError
from deshimmer.config.settings import Settings
from deshimmer.processors import api
from deshimmer.processors.records import Outcome, Receipt, Route

_FACTOR = 2  # of interpolation, unless more is asked for


@dataclass(frozen=True)
class Found:
    """What became of a cell: ``status`` is "kept" (all terms), "refused", "untouched" (route keep) or the terms that the receipt names
    as lost; ``breaches`` is what no table allows.
    """

    cell: Cell
    status: str
    reason: str = ""
    breaches: tuple[Breach, ...] = ()
    seconds: float = 0.0


def walk(cell: Cell, folder: Path) -> Found:
    """``folder`` keeps the inputs for all cells."""
    started = time.monotonic()
    path = prepared(cell.input, folder)
    before = witness.digest(path)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        found = _walked(cell, path, Path(temporary), folder)
    if witness.digest(path) != before:
        found = _broken(cell, Breach("original", "untouched", "changed"))
    return Found(found.cell, found.status, found.reason, found.breaches, round(time.monotonic() - started, 2))


def prepared(name: str, folder: Path) -> Path:
    """The input's file, made where it is not there."""
    path = folder / name
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            made = Path(temporary) / name
            INPUTS[name].make(Store(Path(temporary)), made)
            if not path.exists():
                made.rename(path)
    return path


def facts(name: str, folder: Path) -> witness.Facts:
    """What the witness says of the input itself; kept beside it."""
    kept = folder / f"{name}.facts"
    if not kept.exists():
        read = witness.read(prepared(name, folder))
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            pickle.dump(read, file)
        Path(file.name).replace(kept)
    return _loaded(kept)


@cache
def _loaded(path: Path) -> witness.Facts:
    return pickle.loads(path.read_bytes())


def _walked(cell: Cell, path: Path, output: Path, folder: Path) -> Found:
    try:
        receipt = api.fix(path, output, Settings(), route=cell.route, profile=cell.profile, comparison=False)
    except DeshimmerError as error:
        return _refused(cell, error.title, error.message)
    except Exception as error:
        return _broken(cell, Breach("outcome", "an answer", f"{type(error).__name__}: {error}"[:300]))
    if receipt.outcome is Outcome.FAILED:
        assert receipt.error is not None
        return _refused(cell, receipt.error["title"] or "", receipt.error["message"] or "")
    if allowed.refusal(cell) is not None:
        return _broken(cell, Breach("outcome", "refused", str(receipt.outcome)))
    if cell.route is Route.KEEP:
        left = sorted(each.suffix for each in output.iterdir())
        fits = receipt.outcome is Outcome.KEPT and receipt.output is None and left == [".html", ".json"]
        return Found(cell, "untouched") if fits else _broken(cell, Breach("outcome", "kept", f"{receipt.outcome}, {left}"))
    if receipt.outcome is not Outcome.REPAIRED or receipt.output is None:
        return _broken(cell, Breach("outcome", "repaired", f"{receipt.outcome}: {receipt.reason}"))
    return _heard(cell, receipt, folder)


def _refused(cell: Cell, title: str, message: str) -> Found:
    fitting = allowed.refusal(cell)
    if fitting is None or fitting.title != title or not re.search(fitting.message, message):
        return _broken(cell, Breach("outcome", fitting.title if fitting else "repaired", f"{title}: {message}"))
    return Found(cell, "refused", fitting.reason)


def _broken(cell: Cell, breach: Breach) -> Found:
    return Found(cell, "broken", breaches=(breach,))


def _heard(cell: Cell, receipt: Receipt, folder: Path) -> Found:
    """Each term holds, or its loss is in the table and named in the receipt."""
    assert receipt.output is not None
    source = facts(cell.input, folder)
    factor = _FACTOR if cell.route is Route.INTERPOLATE else 1
    try:
        result = witness.read(receipt.output, factor * (source.rate or Fraction(24)))
    except Exception as error:
        return _broken(cell, Breach("decodes", "a file that the witness reads", f"{type(error).__name__}: {error}"))
    notes = (receipt.details["candidate"] or {}).get("notes", ())
    lost: list[str] = []
    reasons: list[str] = []
    wrong: list[Breach] = []
    for term, breach in terms.breaches(terms.Pair(source, result, factor)):
        loss = allowed.loss(cell, term.name)
        if loss is None:
            wrong.append(breach._replace(got=f"{breach.got}; the receipt says: {'; '.join(notes) or 'nothing'}"))
        elif loss.is_named and not any(re.search(term.named, note) for note in notes):
            wrong.append(breach._replace(got=f"{breach.got}, not named in the receipt: {'; '.join(notes) or 'nothing'}"))
        elif loss.is_named:
            lost.append(term.name)
            reasons.append(loss.reason)
    return Found(cell, ", ".join(lost) or "kept", "; ".join(dict.fromkeys(reasons)), tuple(wrong))
