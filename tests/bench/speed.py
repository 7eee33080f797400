"""What a diagnosis costs on a 1080p H.264 clip: CPU time beside a bare decode and the article's script, memory, and how soon it stops."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from degraded import Picture, write
from memory import peak_mib
from numpy.typing import NDArray
from skimage import data

from deshimmer.config import spawn
from deshimmer.config.settings import Settings
from deshimmer.processors import diagnosis, ffmpeg, media
from deshimmer.processors.records import Clip

SIZE = (1920, 1080)
FPS = 24
WHOLE, SAMPLED = 250, 720  # frames: all looked at closely, runs of them
ARTICLE_FRAMES = 60
MEMORY_FRAMES = (48, 480)
REPEATS = 3
TIMEOUT_S = 300
CANCEL_AT = 0.3


class Stop(Exception):
    """Raised by a progress callback, as cancelling does."""


def section(folder: Path, *, quick: bool = False) -> str:
    repeats = 1 if quick else REPEATS
    longest = write(folder / "speed.mp4", _shots(SAMPLED), fps=FPS, options={"crf": "20", "preset": "veryfast"})
    whole, sampled = media.probe(_head(longest, WHOLE)), media.probe(longest)
    parts = [_throughput({"every pair": whole, "sampled": sampled}, repeats), _article(whole, folder, repeats)]
    return "\n".join([*parts, "", _cancelling(whole, repeats), "", _memory(longest)])


def _throughput(clips: dict[str, Clip], repeats: int) -> str:
    rows = [
        f"1080p H.264, {FPS} frames a second, {_mbit_s(clips['every pair']):.1f} Mbit/s; frames per CPU-second, child processes counted, "
        f"the median of {repeats}.",
        "",
        "| | frames | bare decode of luma | diagnosis | of the decode |",
        "|---|---|---|---|---|",
    ]
    for name, clip in clips.items():
        bare = _rate(lambda clip=clip: decode(clip), clip.frames, repeats)
        full = _rate(lambda clip=clip: _diagnose(clip), clip.frames, repeats)
        rows.append(f"| {name} | {clip.frames} | {bare:.0f} | {full:.0f} | {full / bare:.2f} |")
    return "\n".join(rows)


def _mbit_s(clip: Clip) -> float:
    return clip.size_bytes * 8 / float(clip.duration) / 1e6


def _article(clip: Clip, folder: Path, repeats: int) -> str:
    rate = _rate(lambda: article(clip.path, folder), ARTICLE_FRAMES, repeats)
    return f"| the article's script | {ARTICLE_FRAMES} | | {rate:.1f} | |"


def article(path: Path, folder: Path) -> float:
    """The article's measure as it takes it: every frame to a PNG, then the mean absolute difference of neighbours in gray."""
    arguments = ["-nostdin", "-v", "error", "-y", "-i", str(path), "-frames:v", str(ARTICLE_FRAMES), str(folder / "frame_%04d.png")]
    spawn.run([str(ffmpeg.tool(Settings())), *arguments], timeout_s=TIMEOUT_S)
    files = sorted(folder.glob("frame_*.png"))
    pictures = [np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.float32) for file in files]
    return float(np.mean([np.abs(later - earlier).mean() for earlier, later in pairwise(pictures)]))


def _cancelling(clip: Clip, repeats: int) -> str:
    waits = [_wait_s(clip) for _ in range(repeats)]
    return (
        f"Cancelled at {CANCEL_AT:.0%}, it ends {max(waits) * 1000:.0f} ms after the progress callback raised (the longest of {repeats})."
    )


def _wait_s(clip: Clip) -> float:
    raised = 0.0

    def progress(part: float) -> None:
        nonlocal raised
        if part >= CANCEL_AT:
            raised = time.monotonic()
            raise Stop

    try:
        diagnosis.diagnose(clip, None, progress)
    except Stop:
        return time.monotonic() - raised
    raise AssertionError("the diagnosis ran to its end")


def _memory(path: Path) -> str:
    short, long = (peak_mib(["diagnose", str(_head(path, frames))]) for frames in MEMORY_FRAMES)
    counts = " and ".join(map(str, MEMORY_FRAMES))
    return (
        f"Peak memory of `deshimmer diagnose` on {counts} frames of it: {short:.0f} and {long:.0f} MiB, {long / short:.2f} times as much."
    )


def decode(clip: Clip) -> None:
    for frame in media.frames(clip):
        _ = media.planes(frame).y[0, 0]


def _diagnose(clip: Clip) -> None:
    diagnosis.diagnose(clip, None, lambda part: None)


def _rate(work: Callable[[], object], frames: int, repeats: int) -> float:
    def cpu_s() -> float:
        before = _cpu_s()
        work()
        return _cpu_s() - before

    return frames / statistics.median(cpu_s() for _ in range(repeats))


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _head(path: Path, frames: int) -> Path:
    """The first frames of a clip, not encoded anew."""
    output = path.with_name(f"{frames}.mp4")
    arguments = ["-nostdin", "-v", "error", "-y", "-i", str(path), "-frames:v", str(frames), "-c", "copy", str(output)]
    spawn.run([str(ffmpeg.tool(Settings())), *arguments], timeout_s=TIMEOUT_S)
    return output


def _shots(frames: int) -> Iterator[Picture]:
    """A pan over bricks, gravel and a street scene, with camera noise."""
    width, height = SIZE
    scene = _canvas()
    noise = np.random.default_rng(0).normal(0, 1.5, (height + 64, width + 64, 1)).astype(np.float32)
    for index in range(frames):
        swing = np.sin(index / 90)
        place = np.array([[1, 0, -300 - 280 * swing], [0, 1, -200 - 150 * np.cos(index / 70)]], np.float32)
        picture = cv2.warpAffine(scene, place, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT).astype(np.float32)
        top, left = index * 37 % 64, index * 23 % 64
        yield np.clip(picture + noise[top : top + height, left : left + width], 0, 255)


def _canvas() -> NDArray[np.uint8]:
    """A still picture larger than the frame, textured to the pixel: a photograph over tiles of two surfaces."""
    width, height = SIZE[0] + 640, SIZE[1] + 440
    tiles = [np.tile(surface, (height // 512 + 1, width // 512 + 1))[:height, :width] for surface in (data.brick(), data.gravel())]
    surface = np.where(np.arange(width) % 1024 < 512, *tiles).astype(np.float32)
    photograph = cv2.resize(data.stereo_motorcycle()[0], (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return np.clip(photograph + 0.35 * (surface - surface.mean())[..., None], 0, 255).astype(np.uint8)
