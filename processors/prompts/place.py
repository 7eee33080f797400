"""A clip and all that may be read about it: its own texts, and the files beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from . import container_texts, picture_texts, untrusted

_MOST_FRAMES = 100_000
_AUDIO = re.compile(r"-audio$")
"""VideoHelperSuite muxes sound into a second file and leaves its picture with the first one's name."""


@dataclass(frozen=True)
class Texts:
    """What one file carries, by lower-case key."""

    by_key: dict[str, str]
    where: str  # "tag {key}", "{key} in clip.png": for a person

    def of(self, key: str) -> str:
        return self.by_key.get(key, "")

    def named(self, key: str) -> str:
        """Where a key stands, for a person."""
        return self.where.format(key=key)


@dataclass(frozen=True)
class Place:
    """Nothing outside ``folder`` is read, the clip itself apart."""

    path: Path
    folder: Path

    @cached_property
    def _objects(self) -> dict[str, dict[str, Any]]:
        return {}

    @cached_property
    def own(self) -> Texts:
        """Texts in the clip itself, or in the first picture of a folder of frames."""
        if self.path.is_dir():
            frame = self._first_frame()
            return Texts(picture_texts.read(frame) if frame else {}, "text {key} of the first frame")
        found = picture_texts.read(self.path)
        return Texts(found, "text {key}") if found else Texts(container_texts.read(self.path), "tag {key}")

    @cached_property
    def picture(self) -> Texts:
        """Texts in a picture beside the clip that has its name."""
        for suffix in picture_texts.SUFFIXES:
            found = self.file(_AUDIO.sub("", self.path.stem) + suffix)
            texts = picture_texts.read(found) if found and found != self.path else {}
            if found and texts:
                return Texts(texts, f"text {{key}} of {found.name.replace('{', '(').replace('}', ')')}")
        return Texts({}, "{key}")

    def file(self, name: str) -> Path | None:
        """A file beside the clip that may be read."""
        return untrusted.beside(self.path, name, self.folder)

    def object(self, name: str) -> dict[str, Any]:
        """JSON's object in a file beside the clip; empty where there is none."""
        if name not in self._objects:
            data = untrusted.file_beside(self.path, name, self.folder)
            self._objects[name] = {} if data is None else untrusted.json_object(data)
        return self._objects[name]

    def text(self, name: str) -> str | None:
        """Text in a file beside the clip."""
        data = untrusted.file_beside(self.path, name, self.folder)
        return None if data is None else untrusted.as_text(data)

    def _first_frame(self) -> Path | None:
        try:
            names = sorted(entry.name for entry in islice(self.path.iterdir(), _MOST_FRAMES))
        except OSError:
            return None
        first = next((name for name in names if name.lower().endswith(picture_texts.SUFFIXES)), None)
        return None if first is None else untrusted.beside(self.path / first, first, self.folder)
