"""The states of a job, and the moves between them."""

from __future__ import annotations

from enum import StrEnum

from ..processors.records import Outcome


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return not MOVES[self]


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLING, State.FAILED}),
    State.RUNNING: frozenset({State.QUEUED, State.CANCELLING, State.DONE, State.FAILED}),  # queued again: the daemon was stopped
    State.CANCELLING: frozenset({State.CANCELLED, State.DONE, State.FAILED}),  # done: it was delivered before the cancel took hold
    State.DONE: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""The transition table; ``Table.move`` makes no other move."""

UNFINISHED = tuple(state for state in State if not state.is_final)

END_STATE: dict[Outcome, State] = {
    Outcome.REPAIRED: State.DONE,
    Outcome.KEPT: State.DONE,
    Outcome.FLAGGED: State.DONE,
    Outcome.CANCELLED: State.CANCELLED,
    Outcome.FAILED: State.FAILED,
}
