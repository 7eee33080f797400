"""The small picture of a notification: before and after side by side. One file at a time, in a folder that ends with the tray."""

from __future__ import annotations

import io
import logging
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

log = logging.getLogger(__name__)

_SIDE_PX = 144
_GAP_PX = 4


def side_by_side(sides: Sequence[bytes]) -> Image.Image | None:
    """The middle of each encoded picture as a square, left to right; None where none of them is a picture.

    Squares, because notification servers scale the whole to a width of 48 to 128 pixels: two wide frames would be two stripes.
    """
    pictures = [picture for picture in map(_read, sides) if picture is not None]
    if not pictures:
        return None
    joined = Image.new("RGBA", (len(pictures) * (_SIDE_PX + _GAP_PX) - _GAP_PX, _SIDE_PX))
    for number, picture in enumerate(pictures):
        joined.paste(picture, (number * (_SIDE_PX + _GAP_PX), 0))
    return joined


class Pictures:
    """Keeps the file of the notification that was shown last: the server may read it at any time while it is on the screen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, picture: Image.Image) -> Path:
        """Under a new name each time, for servers that remember pictures by their path. Raises OSError."""
        self.clear()
        self._folder.mkdir(mode=0o700, parents=True)
        path = self._folder / f"{uuid.uuid4().hex}.png"
        picture.save(path)
        return path

    def clear(self) -> None:
        """Also of what a killed tray has left."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _read(encoded: bytes) -> Image.Image | None:
    try:
        return ImageOps.fit(Image.open(io.BytesIO(encoded)).convert("RGB"), (_SIDE_PX, _SIDE_PX))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        log.info("no thumbnail: %s", error)
        return None
