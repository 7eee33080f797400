"""The small picture of a notification: before and after side by side. One file at a time, in a folder that ends with the tray."""

from __future__ import annotations

import io
import logging
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

log = logging.getLogger(__name__)

_BOX_PX = (192, 144)  # of each side; the servers seen show 48 to 128 pixels and scale down
_GAP_PX = 4


def side_by_side(sides: Sequence[bytes]) -> Image.Image | None:
    """Encoded pictures, left to right, at one height. None where none of them is a picture."""
    pictures = [picture for picture in map(_read, sides) if picture is not None]
    if not pictures:
        return None
    height = min(picture.height for picture in pictures)
    pictures = [picture.resize((max(1, round(picture.width * height / picture.height)), height)) for picture in pictures]
    joined = Image.new("RGBA", (sum(picture.width for picture in pictures) + _GAP_PX * (len(pictures) - 1), height))
    left = 0
    for picture in pictures:
        joined.paste(picture, (left, 0))
        left += picture.width + _GAP_PX
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
        picture = Image.open(io.BytesIO(encoded)).convert("RGB")
        picture.thumbnail(_BOX_PX)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        log.debug("no thumbnail: %s", error)
        return None
    return picture
