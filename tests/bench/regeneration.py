"""Rendering again at the real models' size, of random weights: seconds, where they go, and peak memory, in each way of the memory ladder.

python tests/bench/regeneration.py [--steps N] [--model WORD] [--folder DIR] [--out FILE.md] [--tiny]

Needs an NVIDIA GPU, the extra [ai], 40 GB of disk and as much main memory. The weights are built, saved, loaded and run as by the daemon.
--tiny walks all of it in shrunken networks on the CPU and measures nothing: a try before the machine with the GPU is there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import real_pipelines
from clipmaker import pan, write

from deshimmer.processors import media, memory, rendering
from deshimmer.processors.families import devices, ladder, model_folder, pipelines, table
from deshimmer.processors.families.family import Family, Kind, Means
from deshimmer.processors.families.ladder import Rung
from deshimmer.processors.prompts.stored import Source, StoredPrompt
from deshimmer.processors.records import Regeneration

STEPS, SEED = 40, 42
BAR_S = {"THUDM/CogVideoX-5b": 60.0}
"""Of the first way, without loading, on an H200."""
NO_GPU = "This bench needs an NVIDIA GPU, and torch finds no CUDA device here. Run it on a machine that has one."
TINY, TINY_SIZE = "Shrunken networks on the CPU, to try the bench itself. Nothing here is a measurement.", (64, 64, 9)
HEAD = "| way | seconds | prompt | denoising | decoding | the rest | loading, s | peak, GB | estimated, GB |\n|---|---|---|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Figures:
    loading_s: float
    seconds: float  # of the call
    prompt_s: float  # its parts, moving of weights included
    denoising_s: float
    decoding_s: float
    peak_bytes: int  # that torch held on the GPU

    @property
    def rest_s(self) -> float:
        return self.seconds - self.prompt_s - self.denoising_s - self.decoding_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--model", default="", help="only those whose name holds this")
    parser.add_argument("--folder", type=Path, help="where the weights stay for the next run")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tiny", action="store_true", help="shrunken networks on the CPU, to try the bench itself")
    arguments = parser.parse_args()
    pipelines.require()
    here = devices.here()
    if here.kind != "cuda" and not arguments.tiny:
        raise SystemExit(NO_GPU)
    title = TINY if arguments.tiny else f"{here.name}; weights random, bfloat16; text to video at each model's own size."
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        chosen = [real for real in real_pipelines.ALL if arguments.model.lower() in real.name.lower()]
        parts = [section(real, folder, arguments.steps, tiny=arguments.tiny) for real in chosen]
    text = "\n".join([title, "", *parts])
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


def section(real: real_pipelines.Real, folder: Path, steps: int, *, tiny: bool = False) -> str:
    """The table of one model, a row a way."""
    family = table.family_of(real.name, real.pipeline)
    assert family is not None
    model = folder / real.name
    if not (model / model_folder.INDEX).is_file():  # which is saved last
        real_pipelines.build(real_pipelines.SHRUNK[real.name] if tiny else real, folder, "cpu" if tiny else "cuda")
        ladder.free_memory()
    width, height, frames = TINY_SIZE if tiny else (*family.sizes[0], family.num_frames)
    ask = asked(family, folder, steps, (width, height, frames))
    lines = [f"### {family.name}, {ask.frames} x {height} x {width}, {steps} steps", "", HEAD]
    rungs = ladder.all_rungs(family, width, height, ask.frames, "cuda")
    for rung in (replace(each, device="cpu") for each in rungs if runs_on_a_cpu(each)) if tiny else rungs:
        lines.append(row(rung, measure(model, ask, rung)))
        print(lines[-1], file=sys.stderr, flush=True)
    pipelines.unload()
    bar = (
        ""
        if tiny
        else f"The bar for the first way, its loading apart, is {BAR_S[real.name]:.0f} s on an H200.\n"
        if real.name in BAR_S
        else ""
    )
    return "\n".join([*lines, "", bar])


def runs_on_a_cpu(rung: Rung) -> bool:
    """accelerate cannot offload to a CPU by layer, and weights of fewer bits are a GPU's."""
    return rung.offload is not ladder.Offload.SEQUENTIAL and rung.quantisation is None


def asked(family: Family, folder: Path, steps: int, size: tuple[int, int, int]) -> rendering.Ask:
    """Text to video at ``size`` (width, height, frames). The clip is there for its name alone."""
    width, height, frames = size
    clip = media.probe(write(folder / f"{family.name}.mp4", pan(2, (width, height)), fps=round(family.fps)))
    prompt = StoredPrompt(
        Source.DESHIMMER, prompt="a cat walks through grass", negative_prompt="blurred", seed=SEED, width=width, height=height,
        num_frames=frames, num_inference_steps=steps,
    )  # fmt: skip
    return rendering.Ask.of(clip, Regeneration(Means.DIFFUSERS, prompt, (), "", Kind.TEXT), family)


def measure(model: Path, ask: rendering.Ask, rung: Rung) -> Figures | None:
    """Load it, bring it onto its device and render once. None where memory ran out."""
    try:
        return _measure(model, ask, rung)
    except (MemoryError, RuntimeError) as error:
        if not memory.is_out_of_memory(error):
            raise
    ladder.free_memory()  # beyond the except block, which holds the tensors of what failed
    return None


def row(rung: Rung, found: Figures | None) -> str:
    estimated = f"{rung.device_bytes / 1e9:.1f}"
    if found is None:
        return f"| {rung} | out of memory | | | | | | | {estimated} |"
    seconds = (found.seconds, found.prompt_s, found.denoising_s, found.decoding_s, found.rest_s, found.loading_s)
    return f"| {rung} | {' | '.join(f'{each:.1f}' for each in seconds)} | {found.peak_bytes / 1e9:.1f} | {estimated} |"


def _measure(model: Path, ask: rendering.Ask, rung: Rung) -> Figures:
    adapter = table.ADAPTERS[ask.family.name]
    clock = _clock(rung.device)
    started = clock()
    pipe = pipelines.load(model, ask.family, adapter, ask.kind, rung.device, ladder.prepare(rung))
    with pipelines.quiet():
        ladder.apply(pipe, rung)
    loaded = clock()
    _forget_peak(rung.device)
    with _timed(pipe, clock) as parts_s:
        rendering.run(pipe, ask, adapter, ladder.options(rung), lambda part: None)
    seconds = clock() - loaded
    return Figures(loaded - started, seconds, parts_s["text_encoder"], parts_s["transformer"], parts_s["vae"], _peak_bytes(rung.device))


@contextmanager
def _timed(pipe: Any, clock: Callable[[], float]) -> Generator[dict[str, float], None, None]:
    """Seconds of the prompt's network, of the denoiser and of decoding, within the block."""
    parts_s = {"text_encoder": 0.0, "transformer": 0.0, "vae": 0.0}
    wrapped = [(name, getattr(pipe, name), method) for name, method in zip(parts_s, ("forward", "forward", "decode"), strict=True)]

    def timing(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **keywords: Any) -> Any:
            started = clock()
            try:
                return work(*arguments, **keywords)
            finally:
                parts_s[name] += clock() - started

        return run

    before = [network.__dict__.get(method) for _, network, method in wrapped]
    for name, network, method in wrapped:
        setattr(network, method, timing(name, getattr(network, method)))
    try:
        yield parts_s
    finally:
        for (_, network, method), own in zip(wrapped, before, strict=True):
            if own is None:
                delattr(network, method)
            else:
                setattr(network, method, own)


def _clock(device: str) -> Callable[[], float]:
    """Seconds, when all that was asked of the device is done."""
    import torch

    def clock() -> float:
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    return clock


def _forget_peak(device: str) -> None:
    import torch

    ladder.free_memory()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def _peak_bytes(device: str) -> int:
    import torch

    return torch.cuda.max_memory_allocated() if device == "cuda" else 0


if __name__ == "__main__":
    main()
