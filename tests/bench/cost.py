"""What ``fix --route deband`` costs beside the article's bare FFmpeg command, all of it: probe, diagnosis, repair, verification,
comparison, report.

python tests/bench/cost.py [--repeats N] [--seconds N] [--out FILE.md]

Processor seconds (user and system, child processes counted) on a 1080p clip: a banded sky over a textured, moving half. The commands
take turns, so that a busy machine is unfair to none. ``article`` is delivered by the same encoder at the same preset and crf as the bare
command; the route's own delivery is HEVC at 10 bit, which holds what debanding gained.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import cv2
import degraded
import gradients
import numpy as np
from degraded import Picture, write

from deshimmer.config.settings import Settings
from deshimmer.processors import comparison, debanding, delivery, ffmpeg, media, road
from deshimmer.processors.records import Passage, Request, Route

SIZE, FPS = (1920, 1080), 24
BAR = 1.6
VARIANTS: dict[str, tuple[str, ...]] = {"article": ("--preset", "article"), "own": ()}
TITLES = {"article": "`fix --route deband --preset article`", "own": "`fix --route deband`"}


def shots(frames: int) -> Iterator[Picture]:
    height, width = SIZE[1], SIZE[0]
    mask = np.zeros((height, width), np.float32)
    mask[height // 2 :] = 1
    mask = cv2.GaussianBlur(mask, (0, 0), 6)[..., None]
    for sky, ground in zip(gradients.shots("sky", frames, SIZE), degraded.scene("rocket", frames, SIZE), strict=True):
        yield np.clip(sky + mask * (ground - sky), 0, 255).astype(np.float32)


def bare(source: Path, folder: Path) -> float:
    """Processor seconds of the article's command."""
    argv = debanding.article_command(ffmpeg.tool(Settings()), media.probe(source), folder / "bare.mp4")
    return _spent(lambda: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL))


def fixed(source: Path, folder: Path, variant: str) -> float:
    """Processor seconds of the whole command line."""
    options = ["fix", str(source), "--output", str(folder / variant), "--route", "deband", "--json", *VARIANTS[variant]]
    return _spent(lambda: subprocess.run([sys.executable, "-m", "deshimmer.daemon", *options], check=True, stdout=subprocess.DEVNULL))


def stages(source: Path, folder: Path, variant: str) -> dict[str, float]:
    """Processor seconds of each stage, the comparison video apart from the rest of the delivery."""
    work = folder / f"work-{variant}"
    work.mkdir()
    preset = "article" if variant == "article" else None
    passage = Passage(
        "bench", Request(source, folder / f"staged-{variant}", str(source), route=Route.DEBAND, preset=preset, comparison=False), work
    )
    found: dict[str, float] = {}
    while passage.verification is None and (stage := road.next_stage(passage)):
        started = _cpu_s()
        passage = road.run_stage(stage, passage, Settings(), lambda part: None)
        found[stage.name] = _cpu_s() - started
    candidate, clip = passage.candidate, passage.clip
    assert candidate is not None
    assert clip is not None
    debanded = candidate.treatment.deband
    found["comparison"] = _spent(
        lambda: comparison.make(clip, candidate.path, work / "c.mp4", Settings(), lambda part: None, debanded=debanded)
    )
    found["report and the rest"] = _spent(lambda: delivery.deliver_stage(passage, Settings(), lambda part: None))
    return found


def section(folder: Path, repeats: int, seconds: int) -> str:
    source = write(folder / "clip.mp4", shots(seconds * FPS), fps=FPS, options={"crf": "20", "preset": "medium"})
    rounds = [(bare(source, folder), {name: fixed(source, folder, name) for name in VARIANTS}) for _ in range(repeats)]
    article = median(alone for alone, _ in rounds)
    rows = [
        f"{seconds} s of 1080p at {FPS} frames a second; processor seconds, the median of {repeats} rounds in which the commands take turns. "
        f"The bar is {BAR} times the bare command, at the same preset and crf.",
        "",
        "| | processor seconds | of the bare command |",
        "|---|---:|---:|",
        f"| the article's bare command | {article:.1f} | 1.00 |",
    ]
    for name in VARIANTS:
        ratio = median(ours[name] / alone for alone, ours in rounds)
        rows.append(f"| {TITLES[name]} | {median(ours[name] for _, ours in rounds):.1f} | {ratio:.2f} |")
    split = {name: stages(source, folder, name) for name in VARIANTS}
    names = list(dict.fromkeys(stage for found in split.values() for stage in found))
    rows += ["", f"| stage | {' | '.join(TITLES[name] for name in VARIANTS)} |", "|---|" + "---:|" * len(VARIANTS)]
    rows += [f"| {stage} | {' | '.join(f'{split[name].get(stage, 0.0):.1f}' for name in VARIANTS)} |" for stage in names]
    return "\n".join([*rows, ""])


def _spent(work: Callable[[], object]) -> float:
    before = _cpu_s()
    work()
    return _cpu_s() - before


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        text = section(Path(temporary), arguments.repeats, arguments.seconds)
    print(text, flush=True)
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
