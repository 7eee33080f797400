"""FILM, for large motion and slow motion: Reda et al., "FILM: Frame Interpolation for Large Motion" (ECCV 2022).

The model is the user's (``film_models``); here it is asked for moments it was trained for, in tiles that fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from ...config.errors import DeshimmerError, ToolFailed
from .. import torch_devices
from ..memory import is_out_of_memory
from .film_models import MULTIPLE_PX, Model, last_line, load
from .through_rgb import Rgb
from .tiles import in_tiles

SIDES_PX = (1280, 640, 320)
"""Of the tiles: the first where a whole picture does not fit (the article's limit), the next ones where that does not either."""

_WHOLE = 1 << 16
_HALVINGS = 5


class Film:
    """A ``through_rgb.Middle``. Get it from ``loaned``.

    A picture larger than memory allows is worked on in tiles, at its own size: one that was scaled down and up again would be softer than
    the frames beside it.
    """

    def __init__(self, model: Model, tell: Callable[[str], None]) -> None:
        self._model = model
        self._tell = tell
        self._side_px = _WHOLE if model.device == "cuda" else SIDES_PX[0]  # elsewhere the system ends what asks for too much
        self._told: set[str] = set()

    def __call__(self, first: Rgb, second: Rgb, moment: float) -> Rgb:
        """The picture at ``moment``: a middle, or a middle of middles, which is what FILM was trained for.

        Raises DeshimmerError when memory does not suffice for the smallest tiles, ToolFailed when it computes nonsense.
        """
        if self._model.any_moment and (moment * 2**_HALVINGS) % 1:
            return self._made(first, second, moment)
        made = first
        for _ in range(_HALVINGS):
            made = self._made(first, second, 0.5)
            if moment == 0.5:
                break
            first, second, moment = (first, made, 2 * moment) if moment < 0.5 else (made, second, 2 * moment - 1)
        else:
            self._tell_once(f"this FILM makes middles only: moments were met to 1/{2**_HALVINGS} of a step")
        return made

    def _made(self, first: Rgb, second: Rgb, moment: float) -> Rgb:
        while True:
            try:
                made = in_tiles(partial(self._padded, moment), (first, second), self._side_px)
            except (MemoryError, RuntimeError, ValueError, TypeError, LookupError) as error:  # a model of another kind raises any of them
                if not is_out_of_memory(error):
                    raise ToolFailed(f"FILM failed: {last_line(error)}. Check that models.film is a FILM.") from error
                self._step_down(first)
                continue
            if max(first.shape[:2]) > self._side_px:
                self._tell_once(f"FILM worked in overlapping tiles of {self._side_px} pixels")
            return made

    def _step_down(self, picture: Rgb) -> None:
        height, width = picture.shape[:2]
        tried = min(self._side_px, max(height, width))
        smaller = next((side for side in SIDES_PX if side < tried), None)
        if smaller is None:
            raise DeshimmerError(
                f"FILM ran out of memory on '{self._model.device}' at {width}x{height}, looking at {tried} pixels at once. "
                "Close other programs that use it, or set models.interpolator to rife.",
                title="Not enough memory",
            )
        self._side_px = smaller

    def _tell_once(self, note: str) -> None:
        if note not in self._told:
            self._told.add(note)
            self._tell(note)

    def _padded(self, moment: float, first: Rgb, second: Rgb) -> Rgb:
        height, width = first.shape[:2]
        padding = ((0, -height % MULTIPLE_PX), (0, -width % MULTIPLE_PX), (0, 0))
        made = self._model.run(np.pad(first, padding, mode="edge"), np.pad(second, padding, mode="edge"), moment)[:height, :width]
        if made.shape != first.shape or not np.isfinite(made).all():
            raise ToolFailed("FILM made no picture. Check that models.film is a FILM.")
        return np.clip(made, 0, 1)


@contextmanager
def loaned(path: Path, tell: Callable[[str], None]) -> Generator[Film, None, None]:
    """The model for the length of the block, on the best device; a GPU has one holder of its memory for each user.

    ``tell`` gets what a person should know of how the frames were made. Raises NotSetUp, or SettingsError for a path that is no model.
    """
    model = load(path)
    with torch_devices.held(model.device):
        tell(f"the inserted frames are made by FILM ({model.name})")
        yield Film(model, tell)
