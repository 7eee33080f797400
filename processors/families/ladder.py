"""Ways to run a model of a family, the fastest first, each in less of the GPU's memory than the one before.

What a way takes is estimated from the family's figures before anything is loaded; what runs out of memory nevertheless goes
on one step lower. ``prepare`` goes with a pipeline's loading, ``apply`` follows it, ``options`` go with the call.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Any, TypeVar

import psutil

from ...config.errors import DeshimmerError
from ..memory import is_out_of_memory
from . import quantisation
from .family import Family
from .sizes import tokens, width_of

T = TypeVar("T")

_HALF, _FULL = 2, 4  # bytes of a number in bfloat16 and in float32
_VAE_WEIGHTS = 0.8e9  # bytes; CogVideoX's has 0.43, Mochi's 0.92
_RUNTIME = 0.8e9  # bytes that CUDA's own libraries take
_LIVE_TENSORS = 10  # of tokens x width that are alive at once within a block of a transformer, the fourfold inner layer counted
_LAYERS = 28  # the fewest of our families: a layer is at most this part of the denoiser
_TILE_PIXELS = 360 * 240  # CogVideoX's, the largest of diffusers' tiles here; Wan's and Mochi's have 256 x 256
_CHUNK_FRAMES = 2  # that SVD's VAE decodes at once where memory is short
_PICTURE = 3 * _FULL  # bytes of a decoded pixel


class Offload(StrEnum):
    NONE = "none"
    MODEL = "model"  # one network at a time is on the GPU
    SEQUENTIAL = "sequential"  # one layer at a time is


@dataclass(frozen=True)
class Rung:
    """One way to run a model."""

    device: str  # "cuda", "mps" or "cpu"
    device_bytes: int  # estimated peak on the device; of main memory on the CPU
    main_bytes: int  # estimated peak of main memory
    tiled: bool = False  # the VAE decodes the picture in parts
    chunk_frames: int | None = None  # SVD's VAE has no tiles: it decodes so many frames at once
    offload: Offload = Offload.NONE
    quantisation: str | None = None  # backend of diffusers

    def __str__(self) -> str:
        parts = [_OFFLOAD_WORDS[self.offload]] if self.device != "cpu" else ["on the CPU"]
        parts += ["weights in fewer bits"] * (self.quantisation is not None)
        parts += ["pictures decoded in parts"] * self.tiled + ["few frames decoded at once"] * (self.chunk_frames is not None)
        return ", ".join(parts)


_OFFLOAD_WORDS = {
    Offload.NONE: "whole on the GPU",
    Offload.MODEL: "weights wait in main memory",
    Offload.SEQUENTIAL: "weights come layer by layer from main memory, which is slow",
}


def rungs(
    family: Family,
    width: int,
    height: int,
    frames: int,
    free_bytes: int,
    device: str,
    main_free_bytes: int | None = None,
    *,
    total_bytes: int | None = None,
) -> tuple[Rung, ...]:
    """The rungs that fit into ``free_bytes`` of the device and the free main memory, the fastest first; at least one.

    Raises DeshimmerError, with the figures, where none fits; it tells whether closing programs would help, by what the device has in all
    (``total_bytes``, where that is known).
    """
    memory = psutil.virtual_memory()
    main_free = memory.available if main_free_bytes is None else main_free_bytes
    every = all_rungs(family, width, height, frames, device)
    fitting = tuple(rung for rung in every if rung.device_bytes <= free_bytes and rung.main_bytes <= main_free)
    if not fitting:
        most = (max(free_bytes, total_bytes or sys.maxsize), max(main_free, memory.total))
        could = any(rung.device_bytes <= most[0] and rung.main_bytes <= most[1] for rung in every)
        raise _too_little(family, (width, height, frames), every, (free_bytes, main_free), _CLOSE if could else _SMALLER)
    return fitting


def all_rungs(family: Family, width: int, height: int, frames: int, device: str) -> tuple[Rung, ...]:
    """What there is on a device ("cuda", "mps", "cpu"), whether or not it fits."""
    needs = _Needs(family, width, height, frames)
    in_parts: dict[str, Any] = {"chunk_frames": _CHUNK_FRAMES} if needs.decodes_in_chunks else {"tiled": True}
    if device == "cpu":
        main = ceil(needs.weights * _FULL / _HALF + max(needs.activations, needs.decoding_in_parts) * _FULL / _HALF)
        return (Rung("cpu", main, main, **in_parts),)
    whole = ceil(needs.weights + max(needs.activations, needs.decoding) + _RUNTIME)
    tiled = ceil(needs.weights + max(needs.activations, needs.decoding_in_parts) + _RUNTIME)
    if device == "mps":  # its memory is main memory: what waits there waits in the same place
        return (Rung(device, whole, whole), Rung(device, tiled, tiled, **in_parts))
    main = ceil(needs.weights)  # all is loaded there first
    ladder = [Rung(device, whole, main), Rung(device, tiled, main, **in_parts)]
    ladder.append(Rung(device, ceil(needs.one_network(1.0) + _RUNTIME), main, offload=Offload.MODEL, **in_parts))
    for backend in quantisation.backends():
        need = ceil(needs.one_network(backend.part) + _RUNTIME)
        ladder.append(Rung(device, need, main, offload=Offload.MODEL, quantisation=backend.name, **in_parts))
    ladder.append(Rung(device, ceil(needs.one_layer + _RUNTIME), main, offload=Offload.SEQUENTIAL, **in_parts))
    return tuple(ladder)


def prepare(rung: Rung) -> dict[str, Any]:
    """Keywords for ``from_pretrained``: how the weights are stored in memory."""
    return {} if rung.quantisation is None else {"quantization_config": quantisation.config(rung.quantisation)}


def apply(pipe: Any, rung: Rung) -> None:
    """Bring a loaded pipeline of diffusers onto its device in the way that ``rung`` says; also one that had another rung before."""
    pipe.remove_all_hooks()
    for way in ("tiling", "slicing"):
        if rung.tiled or getattr(pipe.vae, f"use_{way}", False):  # SVD's VAE refuses either word
            getattr(pipe.vae, f"{'enable' if rung.tiled else 'disable'}_{way}")()
    match rung.offload:
        case Offload.NONE:
            pipe.to(rung.device)
        case Offload.MODEL:
            pipe.enable_model_cpu_offload(device=rung.device)
        case Offload.SEQUENTIAL:
            pipe.enable_sequential_cpu_offload(device=rung.device)


def options(rung: Rung) -> dict[str, Any]:
    """Keywords for the pipeline's call."""
    return {} if rung.chunk_frames is None else {"decode_chunk_size": rung.chunk_frames}


def climb_down(rungs: Sequence[Rung], run: Callable[[Rung], T], tell: Callable[[str], None]) -> T:
    """``run`` on the first rung that there is memory for. ``tell`` hears of each that there was not.

    Raises DeshimmerError when the last one is out of memory as well.
    """
    for rung, lower in zip(rungs, (*rungs[1:], None), strict=True):
        try:
            return run(rung)
        except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
            if not is_out_of_memory(error):
                raise
        free_memory()  # beyond the except block, which holds the frames of what failed, and with them its tensors
        if lower is not None:
            tell(f"memory did not suffice ({rung}): going on in less ({lower})")
    raise DeshimmerError(
        f"Memory ran out even with what takes least of it ({rungs[-1]}). Close other programs that use it, or render fewer or smaller frames.",
        title="Not enough memory",
    )


def free_memory() -> None:
    """Give back what nobody refers to any more."""
    gc.collect()
    torch: Any = sys.modules.get("torch")  # where it was never imported it holds nothing
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


class _Needs:
    """Bytes by part, in half precision."""

    def __init__(self, family: Family, width: int, height: int, frames: int) -> None:
        pixels = width * height
        self.decodes_in_chunks = "StableVideoDiffusionPipeline" in family.pipelines.values()
        self._denoiser = family.parameters * 1e9 * _HALF
        self._encoder = family.encoder_parameters * 1e9 * _HALF
        self.weights = self._denoiser + self._encoder + _VAE_WEIGHTS
        both_prompts = 2
        self.activations = both_prompts * tokens(family, width, height, frames) * width_of(family) * _LIVE_TENSORS * _HALF
        self.decoding = pixels * frames * family.vae_bytes_per_pixel
        at_once = pixels * min(frames, _CHUNK_FRAMES) if self.decodes_in_chunks else min(pixels, _TILE_PIXELS) * frames
        self.decoding_in_parts = min(self.decoding, at_once * family.vae_bytes_per_pixel + pixels * frames * _PICTURE)

    def one_network(self, part: float) -> float:
        """With one network on the GPU, and ``part`` of the bytes of denoiser and encoder."""
        return max(part * self._denoiser + self.activations, part * self._encoder, _VAE_WEIGHTS + self.decoding_in_parts)

    @property
    def one_layer(self) -> float:
        return max(self._denoiser / _LAYERS + self.activations, self._encoder / _LAYERS, _VAE_WEIGHTS + self.decoding_in_parts)


_CLOSE = "Close other programs that use it, or render fewer or smaller frames."
_SMALLER = (
    "This machine has not so much in all, whatever is closed. Less is taken by a shorter clip, by a smaller width and height in its "
    "sidecar, or by a smaller model; else it takes a machine with more."
)


def _too_little(family: Family, size: tuple[int, int, int], every: Sequence[Rung], free: tuple[int, int], advice: str) -> DeshimmerError:
    width, height, frames = size
    least = min(every, key=lambda rung: rung.device_bytes)
    where = "of main memory" if least.device == "cpu" else "of the GPU's memory"
    needs = f"about {least.device_bytes / 1e9:.1f} GB {where} ({least})"
    if least.device == "cuda":
        needs += f" and {least.main_bytes / 1e9:.1f} GB of main memory"
    here = min(free) if least.device != "cuda" else free[0]
    has = f"{here / 1e9:.1f} GB are free" + (f" there, and {free[1] / 1e9:.1f} GB of main memory" if least.device == "cuda" else "")
    return DeshimmerError(
        f"{family.name} at {width}x{height} with {frames} frames takes {needs}; {has}. {advice}",
        title="Not enough memory",
    )
