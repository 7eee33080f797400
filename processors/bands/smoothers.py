"""Where smoothing runs, chosen by the settings and by what the machine has: on a GPU in torch, else on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

import av

from .. import gpus, smoothing, torch_devices

if TYPE_CHECKING:
    from ...config.settings import Settings
    from ..records import Clip, Diagnosis, Treatment

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Gets one sentence for the candidate's notes: what was done otherwise than begun."""


class Smooth(Protocol):
    def __call__(self, clip: Clip, diagnosis: Diagnosis, treatment: Treatment) -> Generator[av.VideoFrame, None, None]:
        """``smoothing.smooth``."""
        ...


@contextmanager
def chosen(settings: Settings, tell: Tell) -> Generator[Smooth, None, None]:
    """What smooths, for the length of the block; a GPU has one holder of its memory for each user: others wait."""
    if not uses_gpu(settings):
        yield smoothing.smooth
        return
    device = torch_devices.best()
    with torch_devices.held(device):
        yield partial(on_gpu, device, tell)


def uses_gpu(settings: Settings) -> bool:
    """Whether smoothing works on a GPU of this machine. Loads torch where there may be one."""
    return settings.repair.gpu and gpus.may_be_here() and torch_devices.has_gpu()


def on_gpu(device: str, tell: Tell, clip: Clip, diagnosis: Diagnosis, treatment: Treatment) -> Generator[av.VideoFrame, None, None]:
    """``smoothing.smooth`` on a device of torch. What it cannot do is done in less memory, and then on the CPU from that frame on."""
    from ..bands_on_gpu import ladder, shots

    steps = ladder.Ladder(device, f"{clip.width}x{clip.height}")
    shown, gave_up = 0, None
    try:
        for frame in smoothing.smooth(clip, diagnosis, treatment, partial(shots.engine, device=device, ladder=steps)):
            yield frame
            shown += 1
    except ladder.GaveUpError as error:
        gave_up = str(error)
    finally:
        torch_devices.release(device)
    if gave_up is None:
        for note in steps.notes():
            tell(note)
        return
    log.warning("%s; going on on the CPU from frame %s on", gave_up, shown)
    tell(f"{gave_up}: smoothed on the CPU" + (f" from frame {shown} on" if shown else ""))
    yield from smoothing.smooth(clip, diagnosis, treatment, first=shown)
