"""The rules of lint, as a table: parameters that make flicker, or keep a clip from being rendered again the same.

No torch, no GPU, no model is needed. docs/lint.md is made from the table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..families import table
from ..families.family import Family
from .stored import Severity, StoredPrompt

if TYPE_CHECKING:
    from ..records import Clip, Diagnosis

ARTICLE = "the article"
CARD = "{family.source}"
"""The model card that the family's figures are from."""

ANY, NONE_NEEDED = "*", ""
LOCKED_SEED = 42
_DISTILLED = re.compile(r"distill|lightning|lightx2v|causvid|turbo|\blcm\b|fastwan|fusionx|hyper", re.IGNORECASE)
"""In names of models and LoRAs that were trained for few steps and no guidance."""
_LEAST_GUIDANCE, _MOST_GUIDANCE = 0.5, 1.6
_SAME_SHAPE = 0.12
_SAME_RATE = 0.5
_TILE_CAUSES = frozenset({"tile_blink", "tile_seam"})


@dataclass(frozen=True)
class Case:
    """What the rules look at."""

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
            return abs(_log_ratio(own) - _log_ratio((width, height))) + abs(math.log(own[0] * own[1] / (width * height))) / 10

        return min(self.known.sizes, key=distance)


@dataclass(frozen=True)
class Rule:
    """One row. Texts may hold {value}, {suggested} and {family}."""

    name: str
    families: tuple[str, ...]  # globs of Family.name; NONE_NEEDED: where no family is known as well
    severity: Severity
    field: str
    when: str  # for docs/lint.md: when it speaks
    is_wrong: Callable[[Case], bool]
    message: str  # a sentence, and what to do
    use: str  # for docs/lint.md: what is suggested
    suggested: Callable[[Case], Any]  # None where only a person can say
    source: str
    value: Callable[[Case], Any] | None = None  # None: that of the field

    def applies(self, family: Family | None) -> bool:
        if family is None:
            return NONE_NEEDED in self.families
        return any(fnmatchcase(family.name, glob) for glob in self.families)


def case(prompt: StoredPrompt, diagnosis: Diagnosis | None, clip: Clip | None) -> Case:
    return Case(prompt, table.family_of(prompt.model, prompt.pipeline), diagnosis, clip)


def _over(field: str, limit: float) -> Callable[[Case], bool]:
    return lambda case: (value := case.number(field)) is not None and value > limit


def _under(field: str, limit: float) -> Callable[[Case], bool]:
    return lambda case: (value := case.number(field)) is not None and value < limit


def _always(value: Any) -> Callable[[Case], Any]:
    return lambda case: value


def _log_ratio(size: tuple[int, int]) -> float:
    return math.log(size[0] / size[1])


def _few_steps(case: Case) -> bool:
    return not case.is_distilled and _under("num_inference_steps", case.known.least_steps)(case)


def _few_cogvideox_steps(case: Case) -> bool:
    return not case.is_distilled and _under("num_inference_steps", 35)(case)


def _odd_guidance(field: str) -> Callable[[Case], bool]:
    def is_odd(case: Case) -> bool:
        value, own = case.number(field), case.known.guidance
        return value is not None and not case.is_distilled and not _LEAST_GUIDANCE * own <= value <= _MOST_GUIDANCE * own

    return is_odd


def _is_off_grid(case: Case) -> bool:
    frames = case.prompt.num_frames
    return frames is not None and frames <= case.known.most_frames and case.known.nearest_frames(frames) != frames


def _is_beyond(case: Case) -> bool:
    return case.frames is not None and case.frames > case.known.most_frames


def _most_frames(case: Case) -> int:
    return case.known.most_frames


def _is_no_multiple(field: str) -> Callable[[Case], bool]:
    return lambda case: (side := case.number(field)) is not None and side % case.known.multiple != 0


def _multiple_of(field: str) -> Callable[[Case], int]:
    return lambda case: max(1, round((case.number(field) or 0) / case.known.multiple)) * case.known.multiple


def _is_foreign(side: int) -> Callable[[Case], bool]:
    """One lint for each side that differs from the nearest size of the model's own."""

    def is_foreign(case: Case) -> bool:
        size = case.size
        if size is None or size in case.known.sizes or any(each % case.known.multiple for each in size):
            return False
        return size[side] != case.native_size[side]

    return is_foreign


def _native(side: int) -> Callable[[Case], int | None]:
    """None where the picture would get another shape: that is for a person to choose."""

    def suggested(case: Case) -> int | None:
        own = case.native_size
        return own[side] if case.size and abs(_log_ratio(own) - _log_ratio(case.size)) <= _SAME_SHAPE else None

    return suggested


def _blinks_in_tiles(case: Case) -> bool:
    blinks = case.diagnosis is not None and any(cause.kind in _TILE_CAUSES for cause in case.diagnosis.causes)
    return blinks and bool(case.value("vae_tiling"))


def _is_random(case: Case) -> bool:
    return case.prompt.seed is not None and case.value("control_after_generate") == "randomize"


_GUIDANCE_WHEN = f"below {_LEAST_GUIDANCE:g} or over {_MOST_GUIDANCE:g} times the model's own"
_SIZE_WHEN = "not a size that the model was trained for"
_SIZE_USE = "the nearest of its own of the same shape; nothing where the shape would change"

RULES: tuple[Rule, ...] = (
    Rule(
        "svd-noise-aug",
        ("SVD*",),
        Severity.ERROR,
        "noise_aug_strength",
        "over 0.05",
        _over("noise_aug_strength", 0.05),
        "noise_aug_strength is {value}: above 0.05 every frame is sampled on its own, the most common cause of flicker with SVD. Use {suggested}.",
        "0.02",
        _always(0.02),
        f"{ARTICLE}; 0.02 is diffusers' default too",
    ),
    Rule(
        "svd-motion-bucket",
        ("SVD*",),
        Severity.WARNING,
        "motion_bucket_id",
        "over 127",
        _over("motion_bucket_id", 127),
        "motion_bucket_id is {value}: more motion than SVD holds together. Use {suggested}.",
        "100",
        _always(100),
        f"{ARTICLE}; 127 is diffusers' default",
    ),
    Rule(
        "svd-decode-chunk",
        ("SVD*",),
        Severity.WARNING,
        "decode_chunk_size",
        "over 8",
        _over("decode_chunk_size", 8),
        "decode_chunk_size is {value}: so many frames decoded at once are too large for the memory of most GPUs. Use {suggested}.",
        "8",
        _always(8),
        ARTICLE,
    ),
    Rule(
        "svd-decode-chunk-small",
        ("SVD*",),
        Severity.WARNING,
        "decode_chunk_size",
        "under 4",
        _under("decode_chunk_size", 4),
        "decode_chunk_size is {value}: frames decoded so few at a time differ from each other. Use {suggested}.",
        "8",
        _always(8),
        f"diffusers' documentation of the pipeline (larger is steadier); 8: {ARTICLE}",
    ),
    Rule(
        "cogvideox-steps",
        ("CogVideoX*",),
        Severity.ERROR,
        "num_inference_steps",
        "under 35",
        _few_cogvideox_steps,
        "{value} steps leave noise in every frame of {family}; never fewer than 35. Use {suggested}.",
        "40",
        _always(40),
        ARTICLE,
    ),
    Rule(
        "steps",
        ("Wan*", "Mochi*", "SVD*"),
        Severity.WARNING,
        "num_inference_steps",
        "fewer than the family's least (SVD and Wan 20, Mochi 30); not with models or LoRAs made for few steps",
        _few_steps,
        "{value} steps are few for {family}: what is left of the noise flickers. Use {suggested}.",
        "the model's own",
        lambda case: case.known.steps,
        CARD,
    ),
    Rule(
        "guidance",
        ("CogVideoX*",),
        Severity.WARNING,
        "guidance_scale",
        _GUIDANCE_WHEN,
        _odd_guidance("guidance_scale"),
        "guidance_scale is {value}, far from what {family} is used with. Use {suggested}.",
        "7.5",
        _always(7.5),
        f"{ARTICLE}; the range is ours, around {CARD}",
    ),
    Rule(
        "guidance",
        ("Wan*", "Mochi*"),
        Severity.WARNING,
        "guidance_scale",
        _GUIDANCE_WHEN,
        _odd_guidance("guidance_scale"),
        "guidance_scale is {value}, far from what {family} is used with. Use {suggested}.",
        "the model's own",
        lambda case: case.known.guidance,
        f"{CARD}; the range is ours",
    ),
    Rule(
        "guidance",
        ("SVD*",),
        Severity.WARNING,
        "max_guidance_scale",
        _GUIDANCE_WHEN,
        _odd_guidance("max_guidance_scale"),
        "max_guidance_scale is {value}, far from what {family} is used with. Use {suggested}.",
        "the model's own",
        lambda case: case.known.guidance,
        "diffusers' default; the range is ours",
    ),
    Rule(
        "seed-unlocked",
        (ANY, NONE_NEEDED),
        Severity.WARNING,
        "seed",
        "no seed is stored",
        lambda case: case.prompt.seed is None,
        "No seed is stored: the same clip cannot be rendered again. Lock it, as {suggested}.",
        str(LOCKED_SEED),
        _always(LOCKED_SEED),
        ARTICLE,
    ),
    Rule(
        "seed-unlocked",
        (ANY, NONE_NEEDED),
        Severity.INFO,
        "seed",
        "ComfyUI's control_after_generate is randomize",
        _is_random,
        "The graph draws another seed for every run. Set control_after_generate to fixed, and the seed to {suggested}.",
        "the seed that the clip was rendered with",
        lambda case: case.prompt.seed,
        ARTICLE,
    ),
    Rule(
        "frame-count",
        (ANY,),
        Severity.WARNING,
        "num_frames",
        "no frame count of the family: CogVideoX 8n+1 (1.5: 16n+1), Wan 4n+1, Mochi 6n+1",
        _is_off_grid,
        "{family} makes no {value} frames: it rounds, and the last ones suffer. Use {suggested}.",
        "the next lower one",
        lambda case: case.known.nearest_frames(case.prompt.num_frames or 1),
        CARD,
    ),
    Rule(
        "frames-beyond-range",
        ("Wan*",),
        Severity.ERROR,
        "num_frames",
        "over 81; without a stored count the clip's own, where it has the model's frame rate",
        _is_beyond,
        "{value} frames are beyond the range of {family}: the first ones change colour and flicker. Use {suggested} at most.",
        "81",
        _most_frames,
        f"Wan-Video/Wan2.1 issue 369, {CARD}",
        lambda case: case.frames,
    ),
    Rule(
        "frames-beyond-range",
        ("CogVideoX*", "SVD*", "Mochi*"),
        Severity.ERROR,
        "num_frames",
        "over what the model was trained for: CogVideoX 49 (1.5: 161), SVD 14, SVD-XT 25, Mochi 163",
        _is_beyond,
        "{value} frames are beyond the range of {family}: it was not trained for them, and the picture drifts. Use {suggested} at most.",
        "that many",
        _most_frames,
        CARD,
        lambda case: case.frames,
    ),
    Rule(
        "size-not-native",
        (ANY,),
        Severity.WARNING,
        "width",
        _SIZE_WHEN,
        _is_foreign(0),
        "{family} was not trained for a width of {value} here: textures crawl. Its own sizes: {sizes}.",
        _SIZE_USE,
        _native(0),
        CARD,
    ),
    Rule(
        "size-not-native",
        (ANY,),
        Severity.WARNING,
        "height",
        _SIZE_WHEN,
        _is_foreign(1),
        "{family} was not trained for a height of {value} here: textures crawl. Its own sizes: {sizes}.",
        _SIZE_USE,
        _native(1),
        CARD,
    ),
    Rule(
        "size-multiple",
        (ANY,),
        Severity.WARNING,
        "width",
        "no multiple of 16 (SVD: 64)",
        _is_no_multiple("width"),
        "A width of {value} is no multiple of {family.multiple}, as {family} needs it. Use {suggested}.",
        "the nearest multiple",
        _multiple_of("width"),
        CARD,
    ),
    Rule(
        "size-multiple",
        (ANY,),
        Severity.WARNING,
        "height",
        "no multiple of 16 (SVD: 64)",
        _is_no_multiple("height"),
        "A height of {value} is no multiple of {family.multiple}, as {family} needs it. Use {suggested}.",
        "the nearest multiple",
        _multiple_of("height"),
        CARD,
    ),
    Rule(
        "tiled-vae-blinking",
        (ANY, NONE_NEEDED),
        Severity.ERROR,
        "vae_tiling",
        "the clip was decoded in tiles, and blinking tiles or seams were measured in it",
        _blinks_in_tiles,
        "The clip was decoded in tiles, and its tiles blink. Decode it whole, or with larger tiles that overlap more.",
        "off",
        _always(False),
        "kijai/ComfyUI-WanVideoWrapper issue 523; the diagnosis",
    ),
)
