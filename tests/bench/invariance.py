"""How much the flicker score moves when a clip is changed in a way that leaves its flicker as it is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import labelled
import numpy as np

from deshimmer.config import spawn
from deshimmer.config.settings import Settings
from deshimmer.processors import diagnosis, ffmpeg, media
from deshimmer.processors.records import Clip

MOST_CLIPS, QUICK_CLIPS = 14, 3
LEAST_FRAMES = 24
NEAR = 0.05
TIMEOUT_S = 120

CHANGES: dict[str, list[str]] = {
    "encoded anew, crf 12": [],
    "half the size": ["-vf", "scale=trunc(iw/4)*2:trunc(ih/4)*2:flags=area"],
    "mirrored": ["-vf", "hflip"],
    "first ten frames cut off": ["-vf", "trim=start_frame=10,setpts=PTS-STARTPTS"],
}
"""FFmpeg's filters; every changed clip is encoded at crf 12."""


def section(root: Path, *, quick: bool = False) -> str:
    clips = _chosen(root, QUICK_CLIPS if quick else MOST_CLIPS)
    shifts: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for clip in clips:
        score = _score(clip)
        for name, changed in _changed(clip):
            shifts[name].append((_score(changed) - score, clip.path.name))
    rows = [
        f"Flicker score (0 to 1) of {len(clips)} labelled clips, changed and as they are.",
        "",
        f"| change | largest shift | of | mean | within {NEAR:g} |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*rows, *(_row(name, found) for name, found in shifts.items())])


def _row(name: str, shifts: list[tuple[float, str]]) -> str:
    sizes = np.abs([shift for shift, _ in shifts])
    largest, worst = shifts[int(sizes.argmax())]
    return f"| {name} | {largest:+.3f} | {worst} | {sizes.mean():.3f} | {(sizes <= NEAR).mean():.0%} |"


def _chosen(root: Path, count: int) -> list[Clip]:
    """H.264 clips, the labels in turn, of each label one clip of every source before a second one."""
    queues: dict[str, list[tuple[int, Clip]]] = {label: [] for label in labelled.LABELS}
    seen: Counter[tuple[str, str]] = Counter()
    for file, label in labelled.labels(root).items():
        if file.endswith((".mp4", ".mkv", ".mov")) and (clip := media.probe(root / file)).codec == "h264" and clip.frames >= LEAST_FRAMES:
            key = label, labelled.source_of(file)
            queues[label].append((seen[key], clip))
            seen[key] += 1
    ordered = [sorted(queue, key=lambda item: item[0]) for queue in queues.values()]
    return [item[1] for item in chain.from_iterable(zip_longest(*ordered)) if item][:count]


def _changed(clip: Clip) -> Iterator[tuple[str, Clip]]:
    """Each changed clip lasts until the next is asked for."""
    binary = str(ffmpeg.tool(Settings()))
    for name, filters in CHANGES.items():
        with TemporaryDirectory() as folder:
            path = Path(folder) / clip.path.with_suffix(".mp4").name
            encoder = ["-an", "-c:v", "libx264", "-crf", "12", "-preset", "medium", str(path)]
            spawn.run([binary, "-nostdin", "-v", "error", "-i", str(clip.path), *filters, *encoder], timeout_s=TIMEOUT_S)
            yield name, media.probe(path)


def _score(clip: Clip) -> float:
    return diagnosis.diagnose(clip, None, lambda part: None).reading.flicker_score
