"""Frames left out and made again: RIFE beside an average, motion compensation by DIS, and FFmpeg's minterpolate.

python tests/bench/restore.py [--frames N] [--out FILE.md]

Every other frame of a clip is left out (gap 1), or three of four (gap 3, of which the one half-way is made), and restored from those
around it. PSNR is over all pixels and RGB channels of a restored frame, as decoded; the mean over frames is given. Nothing is encoded.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from degraded import CLIPS, Picture, footage, scene, write

from deshimmer.config.settings import Settings
from deshimmer.processors import ffmpeg, flow, media
from deshimmer.processors.interpolators import rife

SOURCES = ("ai/cogvideox_1.mp4", "real/davis_paragliding_launch.mp4", "real/cmp_carturn_source.mp4")
GAPS = (1, 3)
FRAMES = 33
Middle = Callable[[Picture, Picture], Picture]


def average(first: Picture, second: Picture) -> Picture:
    return (first + second) / 2


def compensated(first: Picture, second: Picture) -> Picture:
    """Both frames carried half-way along flow at full size (DIS, medium), and averaged."""
    grays = [cv2.cvtColor(np.rint(picture).astype(np.uint8), cv2.COLOR_RGB2GRAY) for picture in (first, second)]
    back, forth = (flow.flow(*pair, preset=cv2.DISOPTICAL_FLOW_PRESET_MEDIUM) for pair in (grays, grays[::-1]))
    half = np.float32(0.5)
    return (flow.warp(first, back * half) + flow.warp(second, forth * half)) / 2


def ours(first: Picture, second: Picture) -> Picture:
    return rife.load("cpu").middle(first / 255, second / 255) * 255


METHODS: dict[str, Middle] = {"average": average, "DIS": compensated, "RIFE 4.25 (ours)": ours}


def minterpolated(kept: list[Picture]) -> list[Picture]:
    """The frames between those kept, by FFmpeg's minterpolate as it comes; it makes none before its first pair and after its last."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "kept.mkv", Path(folder) / "made.mkv"
        padded = [kept[0], *kept, kept[-1]]  # it drops frames at both ends
        write(source, padded, fps=12, codec="ffv1", pixel_format="bgr0", container="matroska")
        argv = [str(ffmpeg.tool(Settings())), "-v", "error", "-i", str(source), "-vf", "minterpolate=fps=24", "-c:v", "ffv1", str(output)]
        subprocess.run(argv, check=True)
        with av.open(str(output)) as container:
            made = {round(frame.time * 24): frame.to_ndarray(format="rgb24").astype(np.float32) for frame in container.decode(video=0)}
    return [made[2 * index + 3] for index in range(len(kept) - 1)]


def psnr(made: list[Picture], truth: list[Picture]) -> float:
    """Mean over frames, as 8-bit pictures."""
    shown = [np.clip(np.rint(picture), 0, 255) for picture in made]
    return float(np.mean([10 * math.log10(255**2 / np.square(one - other).mean()) for one, other in zip(shown, truth, strict=True)]))


def row(name: str, frames: list[Picture], gap: int) -> str:
    step = (gap + 1) // 2
    kept, truth = frames[:: 2 * step], frames[step :: 2 * step]
    truth = truth[: len(kept) - 1]
    pairs = list(pairwise(kept))
    found = {method: psnr([make(*pair) for pair in pairs], truth) for method, make in METHODS.items()}
    found["minterpolate"] = psnr(minterpolated(kept), truth)
    best = max(found.values())
    return f"| {name} | {gap} | " + " | ".join(f"**{value:.1f}**" if value == best else f"{value:.1f}" for value in found.values()) + " |"


def sources(count: int) -> Iterator[tuple[str, list[Picture]]]:
    yield "motorcycle (made)", list(scene("motorcycle", count, (640, 360)))
    for name in SOURCES if CLIPS.exists() else ():
        yield name, list(footage(CLIPS / name, count, (media.probe(CLIPS / name).width, media.probe(CLIPS / name).height)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each clip that are read")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    lines = [f"PSNR in dB of the frames that were left out, over the first {arguments.frames} frames of each clip.", ""]
    lines += [f"| clip | gap | {' | '.join([*METHODS, 'minterpolate'])} |", "|---|---:|" + "---:|" * (len(METHODS) + 1)]
    for name, frames in sources(arguments.frames):
        for gap in GAPS:
            lines.append(row(name, frames, gap))
            print(lines[-1], flush=True)
    if arguments.out:
        arguments.out.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
