"""Offers to render a clip again: which there are, and what became of each. A person, or the hot folder's policy, decides them once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ..processors.families.family import Means
from ..processors.records import Route
from .database import JOBS, OFFERS

Offer = Mapping[str, Any]
"""As it stands on the receipt."""


class Offered(StrEnum):
    WAITING = "waiting"  # for somebody's approval
    UNREADY = "unready"  # something is missing first: the offer's remedy says what
    APPROVED = "approved"
    DECLINED = "declined"
    REPLACED = "replaced"  # the render was taken up again: what counts is what comes of that


UNDECIDED = (Offered.WAITING, Offered.UNREADY)


@dataclass(frozen=True)
class Known:
    state: Offered
    offer: dict[str, Any]
    successor: str | None


def state_of(offer: Offer) -> Offered:
    """Of one that nobody has decided yet."""
    return Offered.WAITING if offer.get("ready") else Offered.UNREADY


def starts_by_itself(offer: Offer) -> bool:
    """Whether ``regenerate = "auto"`` begins it: it is ready, and the user's ComfyUI does it, or a GPU of this machine with weights that
    lie on this disk.
    """
    by_itself = offer.get("means") == Means.COMFYUI or (offer.get("on_gpu") is True and offer.get("here") is True)
    return offer.get("ready") is True and by_itself


def enter(connection: sa.Connection, job_id: str, asked: Mapping[str, Any], offer: Offer | None) -> None:
    """What the receipt of this job offers now; ``asked``: its request. One that was decided stays decided; a job that renders again
    itself, or whose hot folder never does, offers nothing.
    """
    if asked.get("route") == Route.REGENERATE or asked.get("regenerate") == "never":
        return
    decided = sa.and_(OFFERS.c.job == job_id, OFFERS.c.state.not_in(UNDECIDED))
    if connection.scalar(sa.select(OFFERS.c.job).where(decided)):
        return
    connection.execute(sa.delete(OFFERS).where(OFFERS.c.job == job_id))
    if offer is not None:
        connection.execute(sa.insert(OFFERS).values(job=job_id, state=state_of(offer), offer=dict(offer)))


def known(connection: sa.Connection, job_id: str) -> Known | None:
    found = connection.execute(sa.select(OFFERS.c.state, OFFERS.c.offer, OFFERS.c.successor).where(OFFERS.c.job == job_id)).one_or_none()
    return None if found is None else Known(Offered(found.state), found.offer, found.successor)


def replace(connection: sa.Connection, path: str) -> None:
    """A new job of this render begins."""
    of_path = sa.select(JOBS.c.id).where(JOBS.c.path == path)
    change = sa.update(OFFERS).where(OFFERS.c.job.in_(of_path), OFFERS.c.state.in_(UNDECIDED))
    connection.execute(change.values(state=Offered.REPLACED))


def approve(connection: sa.Connection, job_id: str, successor: str) -> None:
    """``successor`` was entered for it."""
    connection.execute(sa.update(OFFERS).where(OFFERS.c.job == job_id).values(state=Offered.APPROVED, successor=successor))


def decline(connection: sa.Connection, job_id: str) -> None:
    """Nothing where this job makes no offer, or it was decided."""
    change = sa.update(OFFERS).where(OFFERS.c.job == job_id, OFFERS.c.state.in_(UNDECIDED))
    connection.execute(change.values(state=Offered.DECLINED))
