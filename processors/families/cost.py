"""What a regeneration would take: minutes, memory and where. An estimate from a family's figures; nothing is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from ...config.errors import DeshimmerError
from ...config.settings import Settings
from ..prompts.stored import StoredPrompt
from . import devices, ladder, sizes
from .devices import Device
from .family import Family, Kind
from .ladder import Offload, Rung

_EFFICIENCY = 0.5
"""Part of a device's speed that diffusers reaches. The model cards' times come to 0.37 (CogVideoX-5B, 50 steps in 90 s on an H100) and
0.71 (Wan 2.1 1.3B, 50 steps in 4 minutes on a 4090): this lies between, in proportion."""
_BUS = 12e9  # bytes a second that weights come from main memory
_PASSES = 2  # of a step, where guidance runs the denoiser twice
_FIXED_S = 20.0  # loading, and the encoders


@dataclass(frozen=True)
class Cost:
    minutes: float | None  # None where nothing tells how fast the device is
    memory_gb: float  # of the device, in the way that would be taken
    device: str  # for a person: "NVIDIA GeForce RTX 4090"
    on_gpu: bool
    fits: bool  # there is memory for it now
    way: str  # for a person: "weights wait in main memory"
    remedy: str | None = None  # for a person, where it does not fit


def estimate(family: Family, kind: Kind, prompt: StoredPrompt, settings: Settings, device: Device | None = None) -> Cost:
    """``device``: None takes the one here. What ``prompt`` leaves open is as the family has it."""
    device = devices.here() if device is None else device
    width, height = prompt.width or family.sizes[0][0], prompt.height or family.sizes[0][1]
    frames = prompt.num_frames or family.num_frames
    remedy = None
    try:
        rung = ladder.rungs(family, width, height, frames, device.free_bytes, device.kind, total_bytes=device.total_bytes)[0]
    except DeshimmerError as error:
        rung, remedy = ladder.all_rungs(family, width, height, frames, device.kind)[-1], error.message
    steps = _steps(family, kind, prompt)
    seconds = None if device.tflops is None else _seconds(family, sizes.work(family, width, height, frames), steps, device.tflops, rung)
    minutes = None if seconds is None else seconds / 60
    return Cost(minutes, rung.device_bytes / 1e9, device.name, device.is_gpu, remedy is None, str(rung), remedy)


def _steps(family: Family, kind: Kind, prompt: StoredPrompt) -> float:
    """That are run: video to video starts on the way."""
    steps = prompt.num_inference_steps or family.steps
    return max(1.0, steps * (family.strength or 1.0)) if kind is Kind.VIDEO else steps


def _seconds(family: Family, pflop_per_step: float, steps: float, tflops: float, rung: Rung) -> float:
    moved = _PASSES * steps * family.parameters * 2e9 / _BUS if rung.offload is Offload.SEQUENTIAL else 0.0
    return _FIXED_S + pflop_per_step * steps * 1e3 / (tflops * _EFFICIENCY) + moved
