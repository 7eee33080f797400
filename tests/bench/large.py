"""Peak memory of interpolating 4K on the CPU.

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
FRAMES = 4
STEP_PX = (30, 20)


def shots() -> Iterator[Picture]:
    """A pan over an enlarged photograph."""
    width, height = SIZE
    room = [FRAMES * step for step in STEP_PX]
    picture = cv2.resize(data.coffee().astype(np.float32), (width + room[0], height + room[1]), interpolation=cv2.INTER_CUBIC)
    for index in range(FRAMES):
        left, top = (step * index for step in STEP_PX)
        yield np.clip(picture[top : top + height, left : left + width], 0, 255)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = write(Path(folder) / "clip.mp4", shots(), options={"crf": "18", "preset": "ultrafast"})
        peak = peak_mib(["fix", "--factor", "2", str(clip)])
    text = f"`deshimmer fix --factor 2` on {FRAMES} frames of {SIZE[0]} x {SIZE[1]}, without a GPU: {peak:.0f} MiB, the encoder's process apart."
    print(text)
    if arguments.out:
        arguments.out.write_text(f"{text}\n")


if __name__ == "__main__":
    main()
