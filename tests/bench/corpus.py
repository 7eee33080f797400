"""The clips whose verdict is known: pictures in which nothing flickers, a defect of known strength, and how the clip is encoded.

A strength is the standard deviation of what is added to each frame, over the frame and over time, in levels. Where it is drawn anew for
each frame, which is everywhere but in the slow pulse, frames next to each other differ by 1.4 times as much.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import degraded
import gradients
import numpy as np
from degraded import FRAMES, SIZE, Picture, write
from numpy.typing import NDArray

from deshimmer.processors.records import Verdict

STRENGTHS = (1.5, 3.0, 6.0, 12.0)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_PULSE_FRAMES = 12
_GOP = "scenecut=0:mbtree=0"

Shots = Iterable[Picture]
Fault = Callable[[Shots, float, np.random.Generator], Iterator[Picture]]

REAL = (
    "real/bigbuckbunny.mp4",
    "real/davis_paragliding_launch.mp4",
    "real/flipping_a_pancake.mkv",
    "real/mmaction_structuralize.mp4",
    "real/pexels_cottonbro_face.mp4",
    "real/propainter_sample0.mp4",
    "real/rave_fig2_source_car_turn.mp4",
    "real/uav_old_animation_1.mp4",
    "ai/cogvideox_1.mp4",
    "ai/cogvideox_kitten.mp4",
    "meta/comfy_wan22_14B_i2v.mp4",
    "meta/comfy_cosmos_predict2.mp4",
    "meta/comfy_wan_vace_v2v.mp4",
    "meta/comfy_wan21_fun_camera_1.3B.mp4",
    "meta/vhs_comment_noise_warp.mp4",
)
"""Labelled clips in which nothing flickers, long enough. Not nasa_13013: its own pictures are banded, encoded without loss (CAMBI 9.5)."""


def unchanged(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    return iter(shots)


def noise(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    for shot in shots:
        yield shot + rng.normal(0, levels, (*shot.shape[:2], 1))


def exposure(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    for shot in shots:
        yield shot + rng.normal(0, levels)


def gain(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    for shot in shots:
        yield shot * (1 + rng.normal(0, levels) / max(40.0, float(shot.mean())))


def slow_pulse(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    for index, shot in enumerate(shots):
        yield shot + np.sqrt(2) * levels * np.sin(2 * np.pi * index / _PULSE_FRAMES)


def patches(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    """Patches of a sixth of the height, in brightness."""
    for shot in shots:
        yield shot + levels * _patches(rng, shot, 1)


def hue(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    """The same in hue, at constant luma."""
    for shot in shots:
        tint = _patches(rng, shot, 3)
        yield shot + levels * _unit(tint - (tint @ _LUMA)[..., None])


def fine_detail(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    for shot in shots:
        yield shot + levels * _unit(_grain(rng, shot, 0.7))


def coarse_detail(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    for shot in shots:
        yield shot + levels * _unit(_grain(rng, shot, 1.6))


def tied_detail(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    """Detail where the picture has texture: leaves, hair and bricks are redrawn, the sky is not."""
    for shot in shots:
        luma = shot.mean(2)
        contrast = cv2.blur(np.abs(luma - cv2.blur(luma, (7, 7))), (15, 15))
        yield shot + levels * _unit(_grain(rng, shot, 0.9) * (0.15 + np.minimum(contrast / 8, 2.0))[..., None])


def mixed(shots: Shots, levels: float, rng: np.random.Generator) -> Iterator[Picture]:
    for fault in (exposure, patches, hue, fine_detail):
        shots = fault(shots, 0.6 * levels, rng)
    return iter(shots)


@dataclass(frozen=True)
class Kind:
    """A defect and how the clip with it is encoded. ``strengths`` is empty where the defect has but one."""

    truth: Verdict
    fault: Fault = unchanged
    strengths: tuple[float, ...] = ()
    levels: float = 0.0  # where there are no strengths
    options: dict[str, str] = field(default_factory=lambda: {"crf": "12", "preset": "veryfast"})
    codec: str = "libx264"
    suffix: str = ".mp4"
    on_pictures: bool = True
    on_gradients: bool = False


def _graded(truth: Verdict, fault: Fault) -> Kind:
    return Kind(truth, fault, STRENGTHS)


def _damaged(options: dict[str, str], codec: str = "libx264", suffix: str = ".mp4") -> Kind:
    return Kind(Verdict.CODEC, options=options, codec=codec, suffix=suffix)


def _posterised(step: int, crf: int) -> Kind:
    options = {"crf": str(crf), "preset": "veryfast"}
    return Kind(Verdict.CODEC, gradients.posterised, levels=step, options=options, on_pictures=False, on_gradients=True)


KINDS: dict[str, Kind] = {
    "crf 12": Kind(Verdict.CLEAN),
    "crf 26": Kind(Verdict.CLEAN, options={"crf": "26", "preset": "medium"}),
    "camera noise of 1 level": Kind(Verdict.CLEAN, noise, levels=1.0, on_gradients=True),
    "exposure": _graded(Verdict.LUMINANCE, exposure),
    "gain": _graded(Verdict.LUMINANCE, gain),
    "slow pulse": _graded(Verdict.LUMINANCE, slow_pulse),
    "patches": _graded(Verdict.GENERATIVE, patches),
    "hue": _graded(Verdict.GENERATIVE, hue),
    "fine detail": _graded(Verdict.GENERATIVE, fine_detail),
    "coarse detail": _graded(Verdict.GENERATIVE, coarse_detail),
    "detail tied to texture": _graded(Verdict.GENERATIVE, tied_detail),
    "mixed": _graded(Verdict.GENERATIVE, mixed),
    "key frames better than the rest": _damaged(
        {"qp": "38", "preset": "veryfast", "g": "12", "bf": "0", "x264-params": f"ipratio=5:{_GOP}"}
    ),
    "key frames worse than the rest": _damaged(
        {"crf": "30", "preset": "medium", "x264-params": f"keyint=12:min-keyint=12:bframes=0:ipratio=0.6:{_GOP}"}
    ),
    "MPEG-2 blocks": _damaged(
        {"qmin": "20", "qmax": "31", "flags": "+qscale", "global_quality": str(22 * 118)}, codec="mpeg2video", suffix=".mpg"
    ),
    "H.264 undeblocked, crf 40": _damaged({"crf": "40", "preset": "veryfast", "x264-params": "no-deblock=1"}),
    **{f"gradient in steps of {step}, crf {crf}": _posterised(step, crf) for step in (2, 4, 6) for crf in (12, 23)},
}


def sources(clips: Path, *, quick: bool = False) -> list[str]:
    """Scenes, the real clips that are here (as paths), and gradients."""
    if quick:
        return [*list(degraded.SCENES)[:2], *list(gradients.GRADIENTS)[:2]]
    return [*degraded.SCENES, *(str(clips / file) for file in REAL if (clips / file).exists()), *gradients.GRADIENTS]


def suits(kind: Kind, source: str) -> bool:
    return kind.on_gradients if source in gradients.GRADIENTS else kind.on_pictures


def make(folder: Path, source: str, name: str, strength: float | None) -> Path:
    """Write one clip. The same arguments give the same clip."""
    kind = KINDS[name]
    rng = np.random.default_rng(zlib.crc32(f"{Path(source).stem} {name} {strength}".encode()))
    shots = (shot.astype(np.float32) for shot in _pictures(source))
    faulty = kind.fault(shots, kind.levels if strength is None else strength, rng)
    whole = (np.clip(np.rint(shot), 0, 255).astype(np.float32) for shot in faulty)
    return write(folder / f"made{kind.suffix}", whole, codec=kind.codec, options=kind.options)


@lru_cache(maxsize=1)
def _pictures(source: str) -> list[NDArray[np.generic]]:
    """Kept while one source follows another in order: reading takes longer than most defects. Gradients keep parts of a level."""
    if source in gradients.GRADIENTS:
        return [shot.astype(np.float16) for shot in gradients.shots(source, FRAMES, SIZE)]
    shots = degraded.scene(source) if source in degraded.SCENES else degraded.footage(Path(source))
    return [shot.astype(np.uint8) for shot in shots]


def _patches(rng: np.random.Generator, shot: Picture, channels: int) -> NDArray[np.float32]:
    height, width = shot.shape[:2]
    cells = rng.normal(0, 1, (6, max(2, 6 * width // height), channels)).astype(np.float32)
    return _unit(cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, channels))


def _grain(rng: np.random.Generator, shot: Picture, sigma_px: float) -> NDArray[np.float32]:
    return cv2.GaussianBlur(rng.normal(0, 1, shot.shape[:2]).astype(np.float32), (0, 0), sigma_px)[..., None]


def _unit(added: NDArray[np.float32]) -> NDArray[np.float32]:
    return added / np.sqrt((added**2).mean())
