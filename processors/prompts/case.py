"""What the rules of lint look at: a stored prompt, the family of its model, and the clip as far as it was looked at."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..families import table
from ..families.family import Family
from .stored import StoredPrompt

if TYPE_CHECKING:
    from ..records import Clip, Diagnosis

_DISTILLED = re.compile(r"distill|lightning|lightx2v|causvid|turbo|\blcm\b|fastwan|fusionx|hyper", re.IGNORECASE)
"""In names of models and LoRAs that were trained for few steps and no guidance."""
_SAME_RATE = 0.5


@dataclass(frozen=True)
class Case:
    prompt: StoredPrompt
    family: Family | None
    diagnosis: Diagnosis | None
    clip: Clip | None

    def value(self, field: str) -> Any:
        """Of the prompt, or of its ``extra``."""
        return getattr(self.prompt, field) if hasattr(self.prompt, field) else self.prompt.extra.get(field)

    def number(self, field: str) -> float | None:
        """The value where it is a number."""
        value = self.value(field)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    @cached_property
    def known(self) -> Family:
        """The family, for rules that apply to families only."""
        assert self.family is not None
        return self.family

    @cached_property
    def frames(self) -> int | None:
        """As stored; else the clip's own, where it has the model's rate and so was not interpolated."""
        if self.prompt.num_frames is not None or self.clip is None or self.family is None:
            return self.prompt.num_frames
        return self.clip.frames if abs(float(self.clip.frame_rate) - self.family.fps) < _SAME_RATE else None

    @cached_property
    def size(self) -> tuple[int, int] | None:
        width, height = self.prompt.width, self.prompt.height
        return None if width is None or height is None else (width, height)

    @cached_property
    def is_distilled(self) -> bool:
        """Trained for few steps: the model's usual figures are not its own."""
        texts = (self.prompt.model, *self.prompt.extra, *self.prompt.extra.values())
        return any(isinstance(text, str) and _DISTILLED.search(text) for text in texts)

    @cached_property
    def native_size(self) -> tuple[int, int]:
        """The model's own size whose shape is nearest."""
        width, height = self.size or self.known.sizes[0]

        def distance(own: tuple[int, int]) -> float:
            return abs(log_ratio(own) - log_ratio((width, height))) + abs(math.log(own[0] * own[1] / (width * height))) / 10

        return min(self.known.sizes, key=distance)


def of(prompt: StoredPrompt, diagnosis: Diagnosis | None, clip: Clip | None) -> Case:
    return Case(prompt, table.family_of(prompt.model, prompt.pipeline), diagnosis, clip)


def log_ratio(size: tuple[int, int]) -> float:
    """Of width to height: how much one shape differs from another is a difference of these."""
    return math.log(size[0] / size[1])
