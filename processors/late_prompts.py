"""A prompt that came, or changed, after its clip's job had ended: the receipt tells of it, and nothing is repaired again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import offers
from .prompts import station
from .records import KEPT_BY_CHOICE, Clip, Diagnosis, Passage, Receipt, Request, Verification, from_json, to_json

if TYPE_CHECKING:
    from ..config.settings import Settings


def renewed(receipt: Receipt, settings: Settings) -> Receipt | None:
    """The receipt with the clip's prompt and offer as they are now; None where nothing is new, or nobody wants to know.

    What was missing counts too: a model that is there by now makes an offer ready. Raises MissingClip where the clip is gone.
    """
    details = receipt.details
    if receipt.reason == KEPT_BY_CHOICE or not details.get("clip") or not details.get("diagnosis"):
        return None
    request, clip = from_json(Request, details["request"]), from_json(Clip, details["clip"])
    found = from_json(Diagnosis, details["diagnosis"])
    stored = station.stored(request.path, station.folder_of(request.path, settings), found, clip)
    judged = details.get("verification")
    passage = Passage(
        receipt.id,
        request,
        request.output_dir,
        clip=clip,
        stored=stored,
        diagnosis=found,
        verification=None if judged is None else from_json(Verification, judged),
    )
    offer = offers.offer(passage, settings)
    told = replace(receipt, offer=None if offer is None else offer.as_dict(), details=details | {"stored": to_json(stored)})
    return None if told == receipt else told
