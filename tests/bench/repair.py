"""Repair of clips whose truth is known, beside FFmpeg's filters.

python tests/bench/repair.py [--quick] [--kinds KIND,...] [--sources SCENE,...] [--out FILE.md]

Every degraded clip (``degraded.py``: 48 frames, 360 lines, crf 12) goes through probe, diagnosis, routing and the first treatment,
delivered as ``fix`` delivers it; FFmpeg's filters deliver at crf 16 slow. Scores are against the clean truth: PSNR over all frames
and channels; flicker RMS = RMS over time, pixels and channels of e(t) - e(t-1), e being the 5 x 5 box blur of restored - truth, in
8-bit levels; sharpness = mean squared Laplacian of luma over the truth's. ``clean`` is the truth encoded: what a perfect repair gets.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import av
import cv2
import degraded
import numpy as np
from numpy.typing import NDArray

from deshimmer.config import spawn
from deshimmer.config.settings import Settings
from deshimmer.processors import ffmpeg, road
from deshimmer.processors.records import Band, Passage, Request

FILTERS = {
    "deflicker": "deflicker=size=5:mode=am",
    "hqdn3d": "hqdn3d",
    "nlmeans": "nlmeans=s=3:r=9",
    "tmix": "tmix=frames=3",
}
QUICK_KINDS = ("global", "patchy", "hue", "detail", "mixed")
SOURCES = ("motorcycle", "rocket")
DELIVERED = ["-an", "-c:v", "libx264", "-crf", "16", "-preset", "slow", "-threads", "2", "-fps_mode", "passthrough"]
T = TypeVar("T")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Score:
    psnr: float
    flicker: float
    sharpness: float


@dataclass(frozen=True)
class Row:
    source: str
    kind: str
    method: str
    before: Score
    after: Score
    fps: float

    def cells(self) -> list[str]:
        gain, cut = self.after.psnr - self.before.psnr, 1 - self.after.flicker / self.before.flicker
        numbers = f"{self.before.psnr:.2f}", f"{self.after.psnr:.2f}", f"{gain:+.2f}", f"{cut:.2f}"
        return [
            self.source,
            self.kind,
            self.method,
            *numbers,
            f"{self.before.sharpness:.2f}",
            f"{self.after.sharpness:.2f}",
            f"{self.fps:.1f}",
        ]


def score(path: Path, truth: Path) -> Score:
    squares: list[float] = []
    flicker: list[float] = []
    sharp: list[tuple[float, float]] = []
    before: NDArray[np.float32] | None = None
    for restored, clean in zip(_pictures(path), _pictures(truth), strict=True):
        error = restored - clean
        squares.append(float(np.square(error).mean()))
        blurred = cv2.blur(error, (5, 5))
        if before is not None:
            flicker.append(float(np.square(blurred - before).mean()))
        before = blurred
        sharp.append((_sharpness(restored), _sharpness(clean)))
    ours, theirs = np.sum(sharp, 0)
    return Score(10 * math.log10(255**2 / np.mean(squares)), math.sqrt(np.mean(flicker)), float(ours / theirs))


def filtered(source: Path, folder: Path, name: str) -> Path:
    output = folder / f"{source.stem}.{name}.mp4"
    argv = [str(ffmpeg.tool(Settings())), "-v", "error", "-y", "-i", str(source), "-vf", FILTERS[name], *DELIVERED, str(output)]
    spawn.run(argv, timeout_s=600)
    return output


def repaired(source: Path, folder: Path) -> tuple[Path, str]:
    """The first candidate of the road for this clip, and what it is; the clip itself where there is nothing to treat."""
    work = folder / f"{source.stem}.work"
    work.mkdir(exist_ok=True)
    passage = Passage("bench", Request(source, folder, str(source)), work)
    for stage in road.STAGES[:4]:
        if stage.is_due(passage):
            passage = road.run_stage(stage, passage, Settings(), lambda part: None)
    if passage.candidate is None or passage.treatment is None:
        return source, "ours: keep"
    bands = "+".join(short for band, short in SHORT.items() if band in passage.treatment.bands)
    return passage.candidate.path, f"ours: {passage.treatment.route}{f' ({bands})' if bands else ''}"


SHORT = {Band.GLOBAL_LUMA: "G", Band.LOW_LUMA: "L", Band.LOW_CHROMA: "C", Band.DETAIL: "D"}


def rows(folder: Path, sources: list[str], kinds: list[str], methods: list[str]) -> Iterator[Row]:
    for source in sources:
        for kind in kinds:
            made = degraded.make(folder, source, kind)
            before = score(made.path, made.truth)
            for method in methods:
                path, seconds = _timed(partial(filtered, made.path, folder, method))
                yield Row(source, kind, method, before, score(path, made.truth), degraded.FRAMES / seconds)
            (path, method), seconds = _timed(partial(repaired, made.path, folder))
            yield Row(source, kind, method, before, score(path, made.truth), degraded.FRAMES / seconds)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started


def _pictures(path: Path) -> Iterator[NDArray[np.float32]]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.float32)


def _sharpness(picture: NDArray[np.float32]) -> float:
    return float(np.square(cv2.Laplacian(picture @ LUMA, cv2.CV_32F)).mean())


HEAD = ["source", "defect", "method", "PSNR before", "after", "gain", "flicker cut", "sharpness before", "after", "fps"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="one source, the five kinds of flicker, no nlmeans")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--sources", default="")
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",") if arguments.kinds else list(QUICK_KINDS if arguments.quick else degraded.KINDS)
    sources = arguments.sources.split(",") if arguments.sources else list(SOURCES[:1] if arguments.quick else SOURCES)
    methods = [name for name in FILTERS if not (arguments.quick and name == "nlmeans")]
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|---|" + "---:|" * (len(HEAD) - 3)]
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), sources, kinds, methods):
            lines.append(f"| {' | '.join(row.cells())} |")
            print(lines[-1], flush=True)
    if arguments.out:
        arguments.out.write_text("\n".join([*NOTES, "", *lines, ""]))


NOTES = [
    "48 frames, 640 x 360, degraded clips at crf 12 (`low_rate` 26). Ours: probe, diagnosis, routing and the first treatment, delivered at "
    "crf 16 slow; fps counts all of it. G global luma, L low luma, C low chroma, D detail. The row of `clean` shows what encoding alone costs, "
    "hence what a perfect repair would reach. tmix delays by a frame.",
]


if __name__ == "__main__":
    main()
