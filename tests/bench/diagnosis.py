"""The diagnosis against the labelled clips: verdicts, balanced accuracy, AUC, the article's measure beside them, and speed.

python tests/bench/diagnosis.py [--clips DIR] [--out FILE.md]
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from deshimmer.config.errors import ClipError
from deshimmer.processors import diagnosis, measuring, media
from deshimmer.processors.records import Clip, Diagnosis, Verdict

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from clipmaker import detail_flicker, exposure_flicker, pan, patch_flicker, ramp, write

SHARED = Path(__file__).resolve().parents[3] / "shared" / "clips"
ACCUSED = {Verdict.LUMINANCE, Verdict.GENERATIVE, Verdict.INCOHERENT}
LEVELS = (1.5, 3.0, 8.0)


@dataclass(frozen=True)
class Judged:
    file: str
    label: str
    found: Diagnosis

    @property
    def is_accused(self) -> bool:
        return self.found.verdict in ACCUSED

    @property
    def is_wrong(self) -> bool:
        return self.label in ("yes", "no") and self.is_accused != (self.label == "yes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=SHARED)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sections = (
        [labelled(arguments.clips)]
        if (arguments.clips / "MANIFEST.tsv").exists()
        else [f"The labelled clips ({SHARED.name}) are not here."]
    )
    with TemporaryDirectory() as folder:
        sections += [made(Path(folder)), speed(Path(folder))]
    text = "\n\n".join(sections)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def labelled(root: Path) -> str:
    with (root / "MANIFEST.tsv").open(encoding="utf-8", newline="") as manifest:
        labels = {row["file"]: row["flicker"] for row in csv.DictReader(manifest, delimiter="\t")}
    judged = [one for file, label in labels.items() if label in ("yes", "no", "unsure") and (one := judge(root, file, label))]
    rows = ["| clip | label | verdict | score | confidence | worst band or trace | article |", "|---|---|---|---|---|---|---|"]
    for one in sorted(judged, key=lambda one: (one.label, -one.found.reading.flicker_score)):
        found = one.found
        mark = " **wrong**" if one.is_wrong else ""
        worst = found.flickering[0] if found.flickering else ""
        article = f"{found.reading.article_mean_diff:.1f} {found.article_verdict}"
        rows.append(
            f"| {one.file} | {one.label} | {found.verdict}{mark} | {found.reading.flicker_score:.2f} | {found.confidence:.2f} | {worst} | {article} |"
        )
    yes, no = ([one for one in judged if one.label == label] for label in ("yes", "no"))
    return "\n".join([*_figures(yes, no), "", *rows])


def judge(root: Path, file: str, label: str) -> Judged | None:
    try:
        return Judged(file, label, diagnosis.diagnose(media.probe(root / file), None, lambda part: None))
    except ClipError as error:
        print(f"{file}: {error}", file=sys.stderr)
        return None


def _figures(yes: Sequence[Judged], no: Sequence[Judged]) -> list[str]:
    ours = balanced([one.is_accused for one in yes], [one.is_accused for one in no])
    article = balanced([_differs(one) > 12 for one in yes], [_differs(one) > 12 for one in no])
    our_auc = auc([one.found.reading.flicker_score for one in yes], [one.found.reading.flicker_score for one in no])
    article_auc = auc([_differs(one) for one in yes], [_differs(one) for one in no])
    kept = sum(one.found.verdict is Verdict.CLEAN for one in no)
    return [
        f"{len(yes)} clips labelled as flickering, {len(no)} as clean ({kept} of them kept).",
        "",
        "| | balanced accuracy | AUC |",
        "|---|---|---|",
        f"| deshimmer | {ours:.3f} | {our_auc:.3f} |",
        f"| the article's rule | {article:.3f} | {article_auc:.3f} |",
        f"| deshimmer, border set without the source of the clip judged | {_left_out(yes, no):.3f} | |",
    ]


def _left_out(yes: Sequence[Judged], no: Sequence[Judged]) -> float:
    """Balanced accuracy when the border on the score is set half-way in the best gap of all clips of other sources."""

    def accused(one: Judged) -> bool:
        others = [other for other in (*yes, *no) if _source(other) != _source(one)]
        scores = sorted({other.found.reading.flicker_score for other in others})
        borders = [(low + high) / 2 for low, high in pairwise(scores)]

        def worth(border: float) -> float:
            hits = [other.found.reading.flicker_score > border for other in others if other.label == "yes"]
            alarms = [other.found.reading.flicker_score > border for other in others if other.label == "no"]
            return balanced(hits, alarms)

        best = max(worth(border) for border in borders)
        return one.found.reading.flicker_score > float(np.mean([border for border in borders if worth(border) == best]))

    return balanced([accused(one) for one in yes], [accused(one) for one in no])


def _source(one: Judged) -> str:
    name = Path(one.file).name
    return "_".join(name.split("_")[:2]) if name.startswith(("cmp_", "rave_", "t2vzero", "comfy_")) else name


def _differs(one: Judged) -> float:
    return one.found.reading.article_mean_diff or 0.0


def balanced(hits: Sequence[bool], alarms: Sequence[bool]) -> float:
    return (float(np.mean(hits)) + 1 - float(np.mean(alarms))) / 2


def auc(higher: Sequence[float], lower: Sequence[float]) -> float:
    return float(np.mean([(a > b) + 0.5 * (a == b) for a in higher for b in lower]))


def made(folder: Path) -> str:
    """Verdicts on made clips, 360 lines, crf 12, over three photographs."""
    kinds = {
        "exposure": (exposure_flicker, Verdict.LUMINANCE),
        "patches": (patch_flicker, Verdict.GENERATIVE),
        "hue": (lambda shots, levels: patch_flicker(shots, levels, hue=True), Verdict.GENERATIVE),
        "detail": (detail_flicker, Verdict.GENERATIVE),
    }
    rows = ["Made clips, three photographs each: how many got the right verdict.", ""]
    rows.append("| fault | " + " | ".join(f"{one} levels" for one in LEVELS) + " |")
    rows.append("|---" * (len(LEVELS) + 1) + "|")
    scenes = {name: pan(32, (480, 270), name) for name in ("chelsea", "coffee", "astronaut")}
    for kind, (fault, wanted) in kinds.items():
        counts: list[str] = []
        for levels in LEVELS:
            found = [_verdict(write(folder / "made.mp4", fault(shots, levels))) for shots in scenes.values()]
            counts.append(f"{sum(one is wanted for one in found)} of {len(found)}")
        rows.append(f"| {kind} | " + " | ".join(counts) + " |")
    clean = [_verdict(write(folder / "made.mp4", shots)) for shots in scenes.values()]
    rows.append(f"\nClean pans kept: {sum(one is Verdict.CLEAN for one in clean)} of {len(clean)}. ")
    pulse = {"qp": "40", "preset": "veryfast", "g": "8", "bf": "0", "x264-params": "ipratio=6:scenecut=0:mbtree=0"}
    codec = [
        _verdict(write(folder / "made.mp4", ramp(12, (640, 360), 40, 60), options={"crf": "20", "preset": "veryfast"})),
        _verdict(write(folder / "made.mp4", pan(48, (480, 270), "coffee", 0.3), options=pulse)),
    ]
    rows[-1] += f"Banding and key frame pulse called codec: {sum(one is Verdict.CODEC for one in codec)} of {len(codec)}."
    return "\n".join(rows)


def _verdict(path: Path) -> Verdict:
    return diagnosis.diagnose(media.probe(path), None, lambda part: None).verdict


def speed(folder: Path) -> str:
    """CPU seconds of the measurement and of a bare decode, on a 1080p H.264 clip made here; the best of three each."""
    shots = (cv2.resize(shot, (1920, 1080), interpolation=cv2.INTER_CUBIC) for shot in pan(90, (480, 270), "astronaut"))
    grain = np.random.default_rng(0).normal(0, 2, (1080, 1920, 1)).astype(np.float32)
    path = write(folder / "speed.mp4", (np.clip(shot + grain, 0, 255) for shot in shots), options={"crf": "20", "preset": "medium"})
    clip = media.probe(path)
    bare = max(_frames_per_cpu_second(clip, decode) for _ in range(3))
    full = max(_frames_per_cpu_second(clip, lambda one: measuring.measure(one, lambda part: None)) for _ in range(3))
    return (
        f"1080p H.264, every pair of frames: {full:.0f} frames per CPU-second, a bare decode of luma {bare:.0f}: **{full / bare:.2f}** of it. "
        "CAMBI, asked only where smooth ramps are, comes on top."
    )


def decode(clip: Clip) -> None:
    for frame in media.frames(clip):
        _ = media.planes(frame).y[0, 0]


def _frames_per_cpu_second(clip: Clip, work: object) -> float:
    started = time.process_time()
    assert callable(work)
    work(clip)
    return clip.frames / (time.process_time() - started)


if __name__ == "__main__":
    main()
