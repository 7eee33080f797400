"""The rules of lint, as a table: parameters that make flicker, or keep a clip from being rendered again the same.

No torch, no GPU, no model is needed. docs/lint.md is made from the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..families.family import Family
from .case import Case
from .conditions import (
    LEAST_GUIDANCE,
    MOST_GUIDANCE,
    always,
    blinks_in_tiles,
    few_cogvideox_steps,
    few_steps,
    is_beyond,
    is_foreign,
    is_no_multiple,
    is_off_grid,
    is_random,
    most_frames,
    multiple_of,
    native,
    odd_guidance,
    over,
    steady_motion,
    under,
)
from .stored import Severity

ARTICLE = "the article"
CARD = "{family.source}"
"""The model card that the family's figures are from."""

ANY, NONE_NEEDED = "*", ""
LOCKED_SEED = 42


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


_GUIDANCE_WHEN = f"below {LEAST_GUIDANCE:g} or over {MOST_GUIDANCE:g} times the model's own"
_SIZE_WHEN = "not a size that the model was trained for"
_SIZE_USE = "the nearest of its own of the same shape; nothing where the shape would change"

_MULTIPLE_SOURCE = "the architecture: 8 of the VAE times 2 of a token (SVD: 8 times the 8 of its UNet)"

RULES: tuple[Rule, ...] = (
    Rule(
        "svd-noise-aug",
        ("SVD*",),
        Severity.ERROR,
        "noise_aug_strength",
        "over 0.05",
        over("noise_aug_strength", 0.05),
        "noise_aug_strength is {value}: above 0.05 every frame is sampled on its own, the most common cause of flicker with SVD. Use {suggested}.",
        "0.02",
        always(0.02),
        f"{ARTICLE}; 0.02 is the default of diffusers' StableVideoDiffusionPipeline too",
    ),
    Rule(
        "svd-motion-bucket",
        ("SVD*",),
        Severity.WARNING,
        "motion_bucket_id",
        "over 127",
        over("motion_bucket_id", 127),
        "motion_bucket_id is {value}: more motion than SVD holds together. Use {suggested}.",
        "100; 127 with SVD-XT 1.1",
        steady_motion,
        f"{ARTICLE}; 127 is the default of diffusers' StableVideoDiffusionPipeline, and what SVD-XT 1.1 was tuned at (its card)",
    ),
    Rule(
        "svd-decode-chunk",
        ("SVD*",),
        Severity.WARNING,
        "decode_chunk_size",
        "over 8",
        over("decode_chunk_size", 8),
        "decode_chunk_size is {value}: so many frames decoded at once are too large for the memory of most GPUs. Use {suggested}.",
        "8",
        always(8),
        f"{ARTICLE}; diffusers' guide to SVD uses 8, and all at once by default",
    ),
    Rule(
        "svd-decode-chunk-small",
        ("SVD*",),
        Severity.WARNING,
        "decode_chunk_size",
        "under 4",
        under("decode_chunk_size", 4),
        "decode_chunk_size is {value}: frames decoded so few at a time differ from each other. Use {suggested}.",
        "8",
        always(8),
        f"diffusers' guide to SVD (1 may flicker, larger is steadier); the limit is ours; 8: {ARTICLE}",
    ),
    Rule(
        "cogvideox-steps",
        ("CogVideoX*",),
        Severity.ERROR,
        "num_inference_steps",
        "under 35",
        few_cogvideox_steps,
        "{value} steps leave noise in every frame of {family}; never fewer than 35. Use {suggested}.",
        "40",
        always(40),
        ARTICLE,
    ),
    Rule(
        "steps",
        ("Wan*", "Mochi*", "SVD*"),
        Severity.WARNING,
        "num_inference_steps",
        "fewer than the family's least (SVD and Wan 20, Mochi 30); not with models or LoRAs made for few steps",
        few_steps,
        "{value} steps are few for {family}: what is left of the noise flickers. Use {suggested}.",
        "the model's own",
        lambda case: case.known.steps,
        f"the least: ComfyUI's examples; what we would use: {CARD}",
    ),
    Rule(
        "guidance",
        ("CogVideoX*",),
        Severity.WARNING,
        "guidance_scale",
        _GUIDANCE_WHEN,
        odd_guidance("guidance_scale"),
        "guidance_scale is {value}, far from what {family} is used with. Use {suggested}.",
        "7.5",
        always(7.5),
        f"{ARTICLE}; the range is ours, around the 6 of {CARD}",
    ),
    Rule(
        "guidance",
        ("Wan*", "Mochi*"),
        Severity.WARNING,
        "guidance_scale",
        _GUIDANCE_WHEN,
        odd_guidance("guidance_scale"),
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
        odd_guidance("max_guidance_scale"),
        "max_guidance_scale is {value}, far from what {family} is used with. Use {suggested}.",
        "the model's own",
        lambda case: case.known.guidance,
        "the default of diffusers' StableVideoDiffusionPipeline; the range is ours",
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
        always(LOCKED_SEED),
        ARTICLE,
    ),
    Rule(
        "seed-unlocked",
        (ANY, NONE_NEEDED),
        Severity.INFO,
        "seed",
        "ComfyUI's control_after_generate is randomize",
        is_random,
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
        is_off_grid,
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
        is_beyond,
        "{value} frames are beyond the range of {family}: the first ones change colour and flicker. Use {suggested} at most.",
        "81",
        most_frames,
        f"Wan-Video/Wan2.1 issue 369; 81: {CARD}",
        lambda case: case.frames,
    ),
    Rule(
        "frames-beyond-range",
        ("CogVideoX*", "SVD*", "Mochi*"),
        Severity.ERROR,
        "num_frames",
        "over what the model was trained for: CogVideoX 49 (1.5: 161), SVD 14, SVD-XT 25, Mochi 163",
        is_beyond,
        "{value} frames are beyond the range of {family}: it was not trained for them, and the picture drifts. Use {suggested} at most.",
        "that many",
        most_frames,
        CARD,
        lambda case: case.frames,
    ),
    Rule(
        "size-not-native",
        (ANY,),
        Severity.WARNING,
        "width",
        _SIZE_WHEN,
        is_foreign(0),
        "{family} was not trained for a width of {value} here: textures crawl. Its own sizes: {sizes}.",
        _SIZE_USE,
        native(0),
        CARD,
    ),
    Rule(
        "size-not-native",
        (ANY,),
        Severity.WARNING,
        "height",
        _SIZE_WHEN,
        is_foreign(1),
        "{family} was not trained for a height of {value} here: textures crawl. Its own sizes: {sizes}.",
        _SIZE_USE,
        native(1),
        CARD,
    ),
    Rule(
        "size-multiple",
        (ANY,),
        Severity.WARNING,
        "width",
        "no multiple of 16 (SVD: 64)",
        is_no_multiple("width"),
        "A width of {value} is no multiple of {family.multiple}, as {family} needs it. Use {suggested}.",
        "the nearest multiple",
        multiple_of("width"),
        _MULTIPLE_SOURCE,
    ),
    Rule(
        "size-multiple",
        (ANY,),
        Severity.WARNING,
        "height",
        "no multiple of 16 (SVD: 64)",
        is_no_multiple("height"),
        "A height of {value} is no multiple of {family.multiple}, as {family} needs it. Use {suggested}.",
        "the nearest multiple",
        multiple_of("height"),
        _MULTIPLE_SOURCE,
    ),
    Rule(
        "tiled-vae-blinking",
        (ANY, NONE_NEEDED),
        Severity.ERROR,
        "vae_tiling",
        "the clip was decoded in tiles, and blinking tiles or seams were measured in it",
        blinks_in_tiles,
        "The clip was decoded in tiles, and its tiles blink. Decode it whole, or with larger tiles that overlap more.",
        "off",
        always(False),
        "Comfy-Org/ComfyUI issue 7116, kijai/ComfyUI-WanVideoWrapper issue 523; the diagnosis",
    ),
)
