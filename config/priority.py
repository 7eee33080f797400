"""Low priority for work in the background: the processor's and the disk's. What a process starts inherits it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

import psutil

log = logging.getLogger(__name__)

NICENESS = 10
IO_LEVEL = 7
"""The last of best effort. Class idle would hold up a delivery for as long as somebody copies to the same disk."""


def lower() -> None:
    """Make this process give way to whatever a person works with. Call it before the first thread starts: Linux lowers threads singly.

    What the system refuses is left as it is.
    """
    for step in _steps():
        try:
            step()
        except (OSError, psutil.Error) as error:
            log.debug("%s was refused: %s", step.__name__, error)


def _steps() -> tuple[Callable[[], None], ...]:
    if sys.platform == "win32":
        return _below_normal, _low_io
    return (_nice, _batch, _last_io) if sys.platform == "linux" else (_nice,)


if sys.platform == "win32":

    def _below_normal() -> None:
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)

    def _low_io() -> None:
        psutil.Process().ionice(psutil.IOPRIO_LOW)

else:

    def _nice() -> None:
        os.nice(NICENESS)


if sys.platform == "linux":

    def _batch() -> None:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

    def _last_io() -> None:
        psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, IO_LEVEL)
