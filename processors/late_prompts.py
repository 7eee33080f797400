"""A prompt that came, or changed, after its clip's job had ended: the receipt tells of it, and nothing is repaired again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import offers, receipts
from .outcome import decide
from .prompts import station
from .records import KEPT_BY_CHOICE, Outcome, Receipt, Route, to_json

if TYPE_CHECKING:
    from ..config.settings import Settings


def renewed(receipt: Receipt, settings: Settings) -> Receipt | None:
    """The receipt with the clip's prompt and offer as they are now; None where nothing is new, or nobody wants to know.

    What was missing counts too: a model that is there by now makes an offer ready. Raises MissingClip where the clip is
    gone, pydantic.ValidationError for a receipt of another version.
    """
    details = receipt.details
    if _is_settled(receipt) or not details.get("clip") or not details.get("diagnosis"):
        return None
    passage = receipts.passage_of(receipt)
    request = passage.request
    stored = station.stored(request.path, station.folder_of(request.path, settings), passage.diagnosis, passage.clip)
    passage = replace(passage, stored=stored)
    offer = offers.offer(passage, settings)
    told = replace(receipt, offer=None if offer is None else offer.as_dict(), details=details | {"stored": to_json(stored)})
    if receipt.outcome in (Outcome.KEPT, Outcome.FLAGGED):  # whether a person decides depends on the offer
        told = replace(told, outcome=decide(passage, is_offered=offer is not None).outcome)
    return None if told == receipt else told


def _is_settled(receipt: Receipt) -> bool:
    """A person chose the original; or it was rendered again, from the prompt that its receipt tells of."""
    return receipt.reason == KEPT_BY_CHOICE or receipt.details["request"]["route"] == Route.REGENERATE
