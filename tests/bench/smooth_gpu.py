"""Smoothing on a GPU: how many frames a second, where the time goes, how much memory, and how far from the CPU's frames.

python tests/bench/smooth_gpu.py [--device cuda] [--tiny] [--out FILE.md]

Compute alone begins and ends with frames in the computer's memory, decoded before, and does all bands. From decode to a sink everything is
in it: FFmpeg's null, FFV1 and ProRes. ``--tiny`` walks all of it in small pictures, on the CPU where the device is ``cpu``, and measures nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import av
import degraded
import numpy as np
import torch
from numpy.typing import NDArray

from deshimmer.config.settings import Settings
from deshimmer.processors import ffmpeg, media, smoothing, torch_devices
from deshimmer.processors.bands.engine import Work, halves_far_detail
from deshimmer.processors.bands_on_gpu import ladder, search, shots
from deshimmer.processors.bands_on_gpu.trails import Measure
from deshimmer.processors.records import Band, Clip

BARS = "Bars on an H200 at 1920 x 1080: 300 frames a second of compute, 150 from decode to a sink."
SINKS = {"null": ["-f", "null", "-"], "FFV1": ["-c:v", "ffv1", "-f", "null", "-"], "ProRes": ["-c:v", "prores_ks", "-f", "null", "-"]}
COMPARED = 12  # frames beside the CPU's
STAGES = ("_looked_at", "_low_corrected", "_averaged", "_smoothed")


@dataclass(frozen=True)
class Size:
    width: int
    height: int
    frames: int


SIZES = (Size(1920, 1080, 120), Size(3840, 2160, 40))
TINY = (Size(128, 96, 12),)


def section(device: str, sizes: tuple[Size, ...]) -> str:
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    lines = [BARS, "", f"Device: {name}. A clip with all four defects, worked on at 10 bit.", ""]
    lines += ["| size | way | compute, frames a second | peak memory | " + " | ".join(f"{stage.strip('_')}, ms" for stage in STAGES) + " |"]
    lines += ["|---|---|---:|---:|" + "---:|" * len(STAGES)]
    sinks = ["", "| size | " + " | ".join(f"to {sink}" for sink in SINKS) + " |", "|---|" + "---:|" * len(SINKS)]
    apart = ["", "| size | levels from the CPU's frames, same flow: mean | 99.9 % |", "|---|---:|---:|"]
    for size in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            clip = media.probe(degraded.make(Path(temporary), "rocket", "mixed", size.frames, (size.width, size.height)).path)
            name = f"{size.width} x {size.height}"
            lines += [f"| {name} | {way} | {_computed(clip, device, way)} |" for way in ladder.WAYS]
            sinks.append(f"| {name} | {' | '.join(f'{_to_sink(clip, device, options):.0f}' for options in SINKS.values())} |")
            apart.append(f"| {name} | {' | '.join(f'{value:.3f}' for value in _apart(clip, device))} |")
    return "\n".join([*lines, *sinks, *apart])


def _computed(clip: Clip, device: str, way: ladder.Way) -> str:
    """The cells of one way, after a run that warms up."""
    planar = partial(media.to_format, pixel_format=media.working_format(clip))
    decoded = list(map(planar, media.frames(clip)))

    def run() -> float:
        started = time.perf_counter()
        for _ in _frames(clip, device, iter(decoded), [way]):
            pass
        _synchronize(device)
        return time.perf_counter() - started

    run()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    took_s = run()
    peak = f"{torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB" if device.startswith("cuda") else ""
    with _timed_stages(device) as spent_s:
        run()
    return " | ".join([f"{len(decoded) / took_s:.0f}", peak, *(f"{1000 * spent_s[stage] / len(decoded):.2f}" for stage in STAGES)])


def _to_sink(clip: Clip, device: str, options: list[str]) -> float:
    """Frames a second, decode, smoothing and FFmpeg's work included."""
    source = ["-f", "rawvideo", "-pix_fmt", media.working_format(clip), "-s", f"{clip.width}x{clip.height}", "-i", "pipe:0"]
    argv = [str(ffmpeg.tool(Settings())), "-v", "error", *source, *options]
    started = time.perf_counter()
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for frame in _frames(clip, device, media.frames(clip)):
            for plane in media.planes(frame)[:3]:
                process.stdin.write(np.ascontiguousarray(plane).tobytes())
    if process.returncode:
        raise SystemExit(process.returncode)
    return clip.frames / (time.perf_counter() - started)


def _apart(clip: Clip, device: str) -> tuple[float, float]:
    """Levels between the device's frames and those that the same code makes on the CPU along the very same flow: mean, and 99.9 %."""
    found: list[torch.Tensor] = []

    def measured(here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        found.append(search.flows(here, there).cpu())
        return found[-1].to(device)

    ours = _planes(clip, device, measured)
    theirs = _planes(clip, "cpu", lambda here, there: found.pop(0))
    levels = np.concatenate([np.abs(one - other).ravel() for one, other in zip(ours, theirs, strict=True)]) / 4
    return float(levels.mean()), float(np.quantile(levels, 0.999))


def _planes(clip: Clip, device: str, measure: Measure) -> list[NDArray[np.float32]]:
    frames = islice(_frames(clip, device, islice(media.frames(clip), COMPARED), measure=measure), COMPARED)
    return [plane.astype(np.float32) for frame in frames for plane in media.planes(frame)[:3] if plane is not None]


def _frames(
    clip: Clip, device: str, frames: Iterator[av.VideoFrame], ways: Sequence[ladder.Way] = ladder.WAYS, measure: Measure = search.flows
) -> Iterator[av.VideoFrame]:
    planar = partial(media.to_format, pixel_format=media.working_format(clip))
    work = Work(planar, tuple(Band), 1.0, smoothing.RADIUS, follows_light=True, at_half=halves_far_detail(clip))
    with shots.engine(clip, device=device, ladder=ladder.Ladder(device, "the bench", ways), measure=measure) as begin:
        yield from smoothing.smoothed(frames, begin(work), work)


@contextmanager
def _timed_stages(device: str) -> Generator[dict[str, float], None, None]:
    """Seconds in each stage of a shot, the device's work waited for."""
    spent_s = dict.fromkeys(STAGES, 0.0)
    real = {stage: getattr(shots.GpuShot, stage) for stage in STAGES}

    def timed(stage: str, *arguments: Any) -> Any:
        started = time.perf_counter()
        result = real[stage](*arguments)
        _synchronize(device)
        spent_s[stage] += time.perf_counter() - started
        return result

    for stage in STAGES:
        setattr(shots.GpuShot, stage, _of(timed, stage))
    try:
        yield spent_s
    finally:
        for stage, method in real.items():
            setattr(shots.GpuShot, stage, method)


def _of(timed: Callable[..., Any], stage: str) -> Callable[..., Any]:
    def method(self: shots.GpuShot, *arguments: Any) -> Any:
        return timed(stage, self, *arguments)

    return method


def _synchronize(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default=torch_devices.best())
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.device == "cpu" and not arguments.tiny:
        parser.error("there is no GPU here; --tiny walks everything on the CPU")
    text = section(arguments.device, TINY if arguments.tiny else SIZES)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
