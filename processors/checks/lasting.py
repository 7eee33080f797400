"""How much fine detail of a clip lasts from frame to frame: what tells a sharp clip from a blurred one, whether it flickers or not."""

from __future__ import annotations

from contextlib import closing

import cv2
import numpy as np

from .. import flow, media
from ..records import Clip, Progress
from .looks import Image, look

_PAIRS = 12
_FLOW_HEIGHT_PX = 144
_EDGE_PX = 4  # at the border the frame before has no counterpart


def detail(clip: Clip, height_px: int, progress: Progress) -> float:
    """Mean product of the Laplacians of a frame and of the one before along motion, at ``height_px`` lines, in 8-bit levels squared.

    Detail and noise that are drawn anew have no counterpart in the frame before, and add nothing. 0 for a single frame. Raises ClipError.
    """
    last = max(1, clip.frames - 1)
    wanted = {1 + round(part * (last - 1) / (_PAIRS - 1)) for part in range(_PAIRS)}
    before: Image | None = None
    found: list[float] = []
    with flow.one_thread(), closing(media.frames(clip)) as decoded:
        for index, frame in enumerate(decoded):
            if index + 1 not in wanted and index not in wanted:
                continue
            now = look(frame).small(height_px)
            if index in wanted and before is not None:
                found.append(_lasting(before, now))
                progress(min(1.0, len(found) / len(wanted)))
            before = now
    return max(0.0, float(np.median(found))) if found else 0.0


def _lasting(before: Image, now: Image) -> float:
    guides = [flow.guide(np.clip(side, 0, 255).astype(np.uint8), _FLOW_HEIGHT_PX) for side in (before, now)]
    vectors = flow.resized(flow.flow(*guides), now.shape[1], now.shape[0])
    witness, mine = (np.asarray(cv2.Laplacian(side, cv2.CV_32F), np.float32) for side in (flow.warp(before, vectors), now))
    inside = np.s_[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX]
    return float((witness * mine)[inside].mean())
