"""Repair of clips whose truth is known, beside FFmpeg's filters.

python tests/bench/repair.py [--kinds KIND,...] [--sources NAME,...] [--ours] [--out FILE.md]

Every degraded clip (``degraded.py``: 48 frames, 360 lines, crf 12) of sources on which nothing was tuned goes through probe, diagnosis,
routing and the first treatment, delivered as ``fix`` delivers it; FFmpeg's filters deliver at crf 16 slow. Scores are against the clean
truth: PSNR over all frames and channels; flicker RMS = RMS over time, pixels and channels of e(t) - e(t-1), e being the 5 x 5 box blur of
restored - truth, in 8-bit levels; sharpness = mean squared Laplacian of luma over the truth's.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import av
import cv2
import degraded
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from deshimmer.config import spawn
from deshimmer.config.settings import Settings
from deshimmer.processors import ffmpeg, media, road, smoothing
from deshimmer.processors.records import Band, Diagnosis, Passage, Request, Route, Treatment

FILTERS = {
    "deflicker": "deflicker=size=5:mode=am",
    "hqdn3d": "hqdn3d",
    "nlmeans": "nlmeans=s=3:r=9",
    "atadenoise": "atadenoise=0a=0.1:0b=0.3:1a=0.1:1b=0.3:2a=0.1:2b=0.3:s=9",
    "tmix": "tmix=frames=3",
}
KINDS = ("clean", "global", "patchy", "hue", "detail", "mixed", "low_rate")
BARS = {
    "global": (0.80, 6.0),
    "patchy": (0.75, 4.0),
    "hue": (0.80, 5.5),
    "detail": (0.50, 3.0),
    "mixed": (0.60, 4.5),
    "low_rate": (0.55, 4.0),
}
PERFECT, OURS = "perfect", "ours"
DELIVERED = ["-an", "-c:v", "libx264", "-crf", "16", "-preset", "slow", "-threads", "2", "-fps_mode", "passthrough"]
_EXACTLY = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Without it swscale cuts off instead of rounding, and every picture is 1.2 levels too dark, the perfect one too."""
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
    how: str
    before: Score
    after: Score

    @property
    def gain(self) -> float:
        return self.after.psnr - self.before.psnr

    @property
    def cut(self) -> float:
        return 1 - self.after.flicker / self.before.flicker

    def cells(self) -> list[str]:
        numbers = f"{self.before.psnr:.2f}", f"{self.after.psnr:.2f}", f"{self.gain:+.2f}", f"{self.cut:.2f}"
        sharp = f"{self.before.sharpness:.2f}", f"{self.after.sharpness:.2f}"
        return [self.source, self.kind, self.how, *numbers, *sharp]


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


def encoded(source: Path, folder: Path, name: str, graph: str) -> Path:
    output = folder / f"{source.stem}.{name}.mp4"
    argv = [str(ffmpeg.tool(Settings())), "-v", "error", "-y", "-i", str(source), "-vf", graph, *DELIVERED, str(output)]
    spawn.run(argv, timeout_s=600)
    return output


def repaired(source: Path, folder: Path) -> tuple[Path, str]:
    """The first candidate of the road for this clip, and what it is; the clip itself where there is nothing to treat."""
    work = folder / f"{source.stem}.work"
    work.mkdir(exist_ok=True)
    passage = Passage("bench", Request(source, folder, str(source)), work)
    while passage.candidate is None and (stage := road.next_stage(passage)) and stage.name != "deliver":
        passage = road.run_stage(stage, passage, Settings(), lambda part: None)
    if passage.candidate is None or passage.treatment is None:
        return source, "keep"
    bands = "+".join(short for band, short in SHORT.items() if band in passage.treatment.bands)
    return passage.candidate.path, f"{passage.treatment.route}{f' ({bands})' if bands else ''}"


SHORT = {Band.GLOBAL_LUMA: "G", Band.LOW_LUMA: "L", Band.LOW_CHROMA: "C", Band.DETAIL: "D"}


def rows(task: tuple[str, str, bool]) -> list[Row]:
    """Every method, or ours alone, on one source and kind."""
    source, kind, ours_alone = task
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = degraded.make(folder, source, kind)
        before = score(made.path, made.truth)
        done = [] if ours_alone else [(PERFECT, PERFECT, encoded(made.truth, folder, PERFECT, "null"))]
        done += [(name, name, encoded(made.path, folder, name, graph)) for name, graph in FILTERS.items() if not ours_alone]
        path, how = repaired(made.path, folder)
        done.append((OURS, f"ours: {how}", path))
        return [Row(source, kind, method, how, before, score(path, made.truth)) for method, how, path in done]


def summary(found: list[Row], kinds: list[str]) -> list[str]:
    """Means by kind, beside the bars, a perfect repair and the best filter on each clip."""
    lines = ["| defect | flicker cut | bar | perfect | PSNR gain | bar | perfect | best filter | sharpness |", "|---|" + "---:|" * 8]
    for kind in (kind for kind in kinds if kind in BARS):
        ours, perfect = ([row for row in found if row.kind == kind and row.method == method] for method in (OURS, PERFECT))
        best = [
            max((row.gain for row in found if (row.kind, row.source) == (kind, mine.source) and row.method in FILTERS), default=math.nan)
            for mine in ours
        ]
        cut, gain = BARS[kind]
        cells = [f"{mean(row.cut for row in ours):.2f}", f"{cut:.2f}", _mean([row.cut for row in perfect], ".2f")]
        cells += [
            f"{mean(row.gain for row in ours):+.1f}",
            f"{gain:+.1f}",
            _mean([row.gain for row in perfect], "+.1f"),
            _mean(best, "+.1f"),
        ]
        lines.append(f"| {' | '.join([kind, *cells, f'{mean(row.after.sharpness for row in ours):.2f}'])} |")
    return lines


def _mean(values: list[float], form: str) -> str:
    return format(mean(values), form) if values and not math.isnan(sum(values)) else ""


SPEED_SIZES = {(854, 480): 96, (1920, 1080): 48}  # frames, so many that filling the windows weighs little


def speeds() -> list[str]:
    """Smoothing alone: frames a second, decode and conversion apart."""
    lines = ["| smoothing alone | bands | frames a second | decode alone |", "|---|---|---:|---:|"]
    for size, frames in SPEED_SIZES.items():
        with tempfile.TemporaryDirectory() as temporary:
            lines += _speed(degraded.make(Path(temporary), "rocket", "mixed", frames, size).path, Path(temporary), size)
    return lines


def _speed(path: Path, work: Path, size: tuple[int, int]) -> Iterator[str]:
    clip, diagnosis = media.probe(path), _diagnosis(path, work)
    wanted = media.working_format(clip)
    decode_s = _timed(media.to_format(frame, wanted) for frame in media.frames(clip))
    for bands in ((Band.GLOBAL_LUMA, Band.LOW_LUMA, Band.LOW_CHROMA), tuple(Band)):
        took_s = _timed(smoothing.smooth(clip, diagnosis, Treatment(Route.SMOOTH, bands=bands))) - decode_s
        names = "+".join(SHORT[band] for band in bands)
        yield f"| {size[0]} x {size[1]} | {names} | {clip.frames / took_s:.1f} | {clip.frames / decode_s:.0f} |"


def _diagnosis(path: Path, work: Path) -> Diagnosis:
    passage = Passage("bench", Request(path, work, str(path)), work)
    while passage.diagnosis is None and (stage := road.next_stage(passage)):
        passage = road.run_stage(stage, passage, Settings(), lambda part: None)
    assert passage.diagnosis is not None
    return passage.diagnosis


def _timed(frames: Iterable[object]) -> float:
    started = time.monotonic()
    for _ in frames:
        pass
    return time.monotonic() - started


def _pictures(path: Path) -> Iterator[NDArray[np.float32]]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.reformat(format="rgb24", interpolation=_EXACTLY).to_ndarray().astype(np.float32)


def _sharpness(picture: NDArray[np.float32]) -> float:
    return float(np.square(cv2.Laplacian(picture @ LUMA, cv2.CV_32F)).mean())


HEAD = ["source", "defect", "method", "PSNR before", "after", "gain", "flicker cut", "sharpness before", "after"]
NOTES = (
    "48 frames, 640 x 360, degraded clips at crf 12 (`low_rate`: `mixed` at 26); means over sources on which nothing was tuned. Ours: probe, "
    "diagnosis, routing and the first treatment, delivered as `fix` delivers it. `perfect` is the truth, delivered at crf 16 slow; the best filter "
    "is chosen for each clip. G global luma, L low luma, C low chroma, D detail. tmix delays by a frame."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--kinds", default="")
    parser.add_argument("--sources", default="")
    parser.add_argument("--ours", action="store_true", help="without the filters and the perfect repair: a quarter of the time")
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",") if arguments.kinds else list(KINDS)
    sources = arguments.sources.split(",") if arguments.sources else degraded.held_out()
    tasks = [(source, kind, arguments.ours) for kind in kinds for source in sources]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        found: list[Row] = []
        for each in pool.imap(rows, tasks):
            found += each
            print(f"{len(found)} of {len(tasks) * (1 if arguments.ours else len(FILTERS) + 2)}", *each[-1].cells(), flush=True)
    table = [f"| {' | '.join(HEAD)} |", "|---|---|---|" + "---:|" * (len(HEAD) - 3), *(f"| {' | '.join(row.cells())} |" for row in found)]
    text = "\n".join([NOTES, "", *summary(found, kinds), "", *speeds(), "", *table, ""])
    print(text, flush=True)
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
