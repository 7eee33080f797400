"""Peak memory of interpolating and of smoothing 4K on the CPU.

python tests/bench/large.py [--out FILE.md]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from degraded import Picture, write
from memory import peak_mib
from skimage import data

SIZE = (3840, 2160)
STEP_PX = (30, 20)
JOBS = ((["--factor", "2"], 4), (["--route", "smooth"], 24))
"""Options of ``fix`` and a length in frames. The pan does not flicker, so that the route smooth treats all bands."""


def shots(frames: int) -> Iterator[Picture]:
    """A pan over an enlarged photograph."""
    width, height = SIZE
    room = [frames * step for step in STEP_PX]
    picture = cv2.resize(data.coffee().astype(np.float32), (width + room[0], height + room[1]), interpolation=cv2.INTER_CUBIC)
    for index in range(frames):
        left, top = (step * index for step in STEP_PX)
        yield np.clip(picture[top : top + height, left : left + width], 0, 255)


def _measured(folder: Path, options: list[str], frames: int) -> str:
    clip = write(folder / f"{frames}.mp4", shots(frames), options={"crf": "18", "preset": "ultrafast"})
    peak = peak_mib(["fix", *options, str(clip)])
    command, size = " ".join(["fix", *options]), f"{SIZE[0]} x {SIZE[1]}"
    return f"- `deshimmer {command}` on {frames} frames of {size}, without a GPU: {peak:.0f} MiB, the encoder's process apart."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = "\n".join(_measured(Path(folder), options, frames) for options, frames in JOBS)
    print(text)
    if arguments.out:
        arguments.out.write_text(f"{text}\n")


if __name__ == "__main__":
    main()
