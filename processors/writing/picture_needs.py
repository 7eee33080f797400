"""What a pixel format has to hold so that nothing of a clip's picture is lost: its colours, chroma sampling, depth, transparency and size."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import av

from .. import media

if TYPE_CHECKING:
    from ..records import Clip

_SAMPLINGS = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:1:1", (1, 2): "4:4:0", (4, 4): "4:1:0"}


class Colours(StrEnum):
    GRAY = "gray"
    YUV = "YUV"
    RGB = "RGB"


@dataclass(frozen=True)
class Layout:
    """How a pixel format holds a picture. ``steps``: luma pixels that share one chroma sample, across and down."""

    colours: Colours
    steps: tuple[int, int]
    depth: int  # bits
    has_alpha: bool

    @classmethod
    def of(cls, pixel_format: str) -> Layout:
        layout = av.VideoFormat(pixel_format)
        parts = layout.components
        has_alpha = any(part.is_alpha for part in parts)
        colours = Colours.RGB if layout.is_rgb or layout.has_palette else Colours.GRAY if len(parts) - has_alpha < 3 else Colours.YUV
        steps = (16 // layout.chroma_width(16), 16 // layout.chroma_height(16)) if colours is Colours.YUV else (1, 1)
        return cls(colours, steps, max((part.bits for part in parts), default=8), has_alpha)

    @property
    def sampling(self) -> str:
        """For a person: "4:2:0", or how the colours are held that have none."""
        return _SAMPLINGS[self.steps] if self.colours is Colours.YUV else str(self.colours)


@dataclass(frozen=True)
class Need:
    layout: Layout
    width: int
    height: int
    is_full_range: bool
    matrix: str | None
    is_interlaced: bool = False
    codec: str = ""  # FFmpeg's name, of the source

    @classmethod
    def of(cls, clip: Clip, *, least_depth: int = 0) -> Need:
        layout = Layout.of(clip.pixel_format)
        depth = max(clip.bit_depth, least_depth)
        color = media.delivered_color(clip)
        held = Layout(layout.colours, layout.steps, depth, clip.has_alpha)
        return cls(held, clip.width, clip.height, color.range == "pc", color.matrix, clip.interlaced, clip.codec)

    def losses(self, held: Layout, *, crops_whole_chroma: bool) -> tuple[str, ...]:
        """What a picture held like this would lose. ``crops_whole_chroma``: the codec says a size only in whole chroma samples."""
        steps = held.steps
        coarse = steps[0] > self._steps[0] or steps[1] > self._steps[1]
        odd = crops_whole_chroma and bool(self.width % steps[0] or self.height % steps[1])
        lost = (
            (self.layout.has_alpha and not held.has_alpha, "transparency"),
            (held.depth < self.layout.depth, f"{self.layout.depth} bits"),
            (coarse or held.colours is Colours.GRAY is not self.layout.colours, f"{self._kept_as} chroma"),
            (odd, f"its odd size {self.width}x{self.height}"),
        )
        return tuple(what for is_lost, what in lost if is_lost)

    def cost(self, held: Layout) -> tuple[bool, int, float]:
        """Of formats that lose nothing, the least is the nearest."""
        return held.colours is not self.layout.colours, held.depth, 1 / (held.steps[0] * held.steps[1])

    @property
    def _steps(self) -> tuple[int, int]:
        return (4, 4) if self.layout.colours is Colours.GRAY else self.layout.steps

    @property
    def _kept_as(self) -> str:
        return "4:4:4" if self.layout.colours is Colours.RGB else self.layout.sampling
