"""CAMBI, Netflix's measure of banding, by FFmpeg's libvmaf, of single frames that are decoded anyway.

Source: Tandon et al., CAMBI: Contrast-aware Multiscale Banding Index (PCS 2021). 0 no bands, 5 visible, 24 severe.
"""

from __future__ import annotations

import json
import math
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ...config.errors import ToolFailed
from .. import ffmpeg, media
from . import samples

if TYPE_CHECKING:
    from ...config.settings import Settings
    from ..records import Clip

_FRAMES = 12
_SMALLEST_PX = 64  # libvmaf takes no less


class CambiMeter:
    """Give it luma planes of one size, then ask for the value. FFmpeg starts with the first and waits between them."""

    def __init__(self, settings: Settings, folder: Path | None = None) -> None:
        """``folder`` takes the temporary file; the system's where it is None."""
        self._settings = settings
        self._folder = folder
        self._held = ExitStack()
        self._run: ffmpeg.Run | None = None
        self._log = Path()
        self._shape: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._held.close()

    @property
    def is_running(self) -> bool:
        return self._run is not None

    def add(self, luma: NDArray[np.uint8] | NDArray[np.uint16], depth: int) -> None:
        """``luma`` (height, width), ``depth`` bits. Pictures under 64 pixels are passed over. Raises ToolFailed or NotSetUp."""
        height, width = luma.shape
        if min(height, width) < _SMALLEST_PX or self._shape not in (None, luma.shape):
            return
        deep = depth > 8
        if self._run is None:
            self._shape = (height, width)
            self._start(width, height, "yuv420p10le" if deep else "yuv420p")
        assert self._run is not None
        codes = np.asarray(luma >> (depth - 10) if depth > 10 else luma << (10 - depth), "<u2") if deep else luma
        gray = np.full(2 * ((height + 1) // 2) * ((width + 1) // 2), 512 if deep else 128, codes.dtype)
        with ffmpeg.feeding(self._run, self._log) as pipe:
            pipe.write(codes.tobytes() + gray.tobytes())

    def value(self) -> float | None:
        """Mean over the frames given; None when there was none. Raises ToolFailed."""
        if self._run is None:
            return None
        with ffmpeg.feeding(self._run, self._log) as pipe:
            pipe.close()
        self._run.finish(self._log)
        try:
            measured = [frame["metrics"].get("cambi") for frame in json.loads(self._log.read_text())["frames"]]
        except (OSError, ValueError) as error:
            raise ToolFailed(f"FFmpeg measured no banding ({error}). Run 'deshimmer doctor', then retry.") from error
        values = [value for value in measured if value is not None and math.isfinite(value)]  # it has no answer for some small sizes
        return float(np.mean(values)) if values else None

    def _start(self, width: int, height: int, pixel_format: str) -> None:
        folder = self._held.enter_context(TemporaryDirectory(prefix="deshimmer-cambi-", dir=self._folder))
        self._log = Path(folder) / "cambi.json"
        piped = ffmpeg.graph.input("pipe:0", format="rawvideo", pix_fmt=pixel_format, s=f"{width}x{height}", protocol_whitelist="pipe")
        halves = piped.video.filter_multi_output("split")
        options = {"model": "", "feature": "name=cambi", "n_threads": 2, "log_fmt": "json", "log_path": str(self._log)}
        measured = ffmpeg.graph.filter([halves[0], halves[1]], "libvmaf", **options)
        argv = ffmpeg.arguments(ffmpeg.measuring_tool(self._settings), ffmpeg.graph.output(measured, "-", format="null"))
        self._run = self._held.enter_context(ffmpeg.running(argv, stdin=True))


def of(clip: Clip, settings: Settings, *, folder: Path | None = None, right_half: bool = False) -> float | None:
    """CAMBI of about a dozen frames spread over the clip; None for pictures too small for it. ``right_half``: of that half of the
    picture alone, where a comparison shows the result. Raises UnreadableClip, ToolFailed or NotSetUp.
    """
    every = max(1, math.ceil(clip.frames / _FRAMES))
    with CambiMeter(settings, folder) as meter, closing(media.frames(clip)) as frames:
        for index, frame in enumerate(frames):
            if index % every == 0:
                source = samples.planar(frame)
                luma = source.planes.y
                meter.add(luma[:, luma.shape[1] // 2 :] if right_half else luma, source.depth)
        return meter.value()
