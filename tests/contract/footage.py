"""What inputs are made of: pictures that move and flicker, sound, subtitles, chapters, a cover; and the FFmpeg that puts them together."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
from clipmaker import Picture, exposure_flicker, pan, patch_flicker

FRAMES = 8
SIZE = (256, 128)  # DNxHR takes none below 256x120
_STEP_PX = 3.0  # a frame
_FLICKER_LEVELS = 6.0
_TIMEOUT_S = 60

SUBTITLES = "1\n00:00:00,050 --> 00:00:00,200\nIt flickers.\n\n2\n00:00:00,250 --> 00:00:00,400\nNo <i>longer</i>.\n"
CHAPTERS = ";FFMETADATA1\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n" for start, end, title in ((0, 150, "Dawn"), (150, 400, "Dusk"))
)


def see_through(index: int) -> np.ndarray:
    """Alpha of a frame: opaque but for a soft disc that moves along."""
    mask = np.full(SIZE[::-1], 65535, np.uint16)
    cv2.circle(mask, (60 + 3 * index, 62), 36, 0, -1)
    return cv2.GaussianBlur(mask, (0, 0), 3)


def _flickering(frames: int = FRAMES) -> list[Picture]:
    return exposure_flicker(patch_flicker(pan(frames, SIZE, step_px=_STEP_PX), _FLICKER_LEVELS), _FLICKER_LEVELS)


def _film(path: Path, shots: list[Picture], *, has_holes: bool = False) -> None:
    """FFV1, 16-bit RGB, 24 frames a second."""
    with av.open(str(path), "w", format="matroska") as output:
        stream = output.add_stream("ffv1", rate=24)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "gbrap16le" if has_holes else "gbrp16le"
        for index, shot in enumerate(shots):
            picture = np.round(np.clip(shot, 0, 255) * 257).astype(np.uint16)
            alpha = [see_through(index)] if has_holes else []
            frame = av.VideoFrame.from_ndarray(np.dstack([picture, *alpha]), format="rgba64le" if has_holes else "rgb48le")
            output.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        output.mux(stream.encode(None))


_MAKERS: dict[str, Callable[[Path], object]] = {
    "film": lambda path: _film(path, _flickering()),
    "still": lambda path: _film(path, _flickering(1)),
    "steady": lambda path: _film(path, pan(FRAMES, SIZE, step_px=_STEP_PX)),
    "holes": lambda path: _film(path, _flickering(), has_holes=True),
    "subtitles.srt": lambda path: path.write_text(SUBTITLES),
    "chapters.txt": lambda path: path.write_text(CHAPTERS),
    "cover.png": lambda path: cv2.imwrite(str(path), np.full((64, 64, 3), (40, 90, 160), np.uint8)),
    "letter.ttf": lambda path: path.write_bytes(b"\0\1\0\0" + bytes(range(256)) * 4),
}


class Store:
    """A folder of materials, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            made = path.with_name(f"new-{name}")
            _MAKERS[name](made)
            made.rename(path)
        return path

    def run(self, arguments: str, target: Path, **words: str) -> None:
        """The bundled FFmpeg, to write ``target``. ``<film>`` stands for that material's path, ``$words`` for a word given."""
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
        for argument in shlex.split(arguments):
            if argument.startswith("<"):
                argument = str(self[argument[1:-1]])
            for key, word in words.items():
                argument = argument.replace(f"${key}", word)
            command.append(argument)
        done = subprocess.run([*command, str(target)], capture_output=True, text=True, timeout=_TIMEOUT_S)
        assert done.returncode == 0, f"{shlex.join(command)} {target}\n{done.stderr}"
