"""Clips with a known defect and a known truth: pans and zooms over photographs that scikit-image ships, with an object in front.

Everything streams: a scene is a generator of pictures, a defect maps one stream of pictures to another. ``make`` writes the
degraded clip (H.264) and its truth (lossless FFV1, RGB) into a folder.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from clipmaker import Picture, write

SIZE = (640, 360)  # width, height
FRAMES = 48
FPS = 24


@dataclass(frozen=True)
class Scene:
    """A camera over one photograph, and an oval cut out of a second one that crosses in front of it."""

    background: str
    foreground: str
    pan_px: tuple[float, float]  # a frame
    zoom: float  # a frame
    cross_px: tuple[float, float]  # a frame, the object's own way
    turn_deg: float = 0.0  # a frame, of the object


SCENES: dict[str, Scene] = {
    "motorcycle": Scene("motorcycle", "coffee", (1.3, 0.3), 0.001, (-3.2, 0.4), 0.3),
    "rocket": Scene("rocket", "chelsea", (-0.7, 0.5), 0.003, (4.0, -0.6)),
    "astronaut": Scene("astronaut", "gravel", (0.9, 0.6), -0.0015, (2.1, 0.9), 0.8),
    "chelsea": Scene("chelsea", "brick", (1.6, 0.2), 0.002, (-2.0, 0.8)),
}


def scene(name: str, frames: int = FRAMES, size: tuple[int, int] = SIZE) -> Iterator[Picture]:
    """The frames of one of ``SCENES``: RGB float32 in whole levels, 0-255."""
    plan = SCENES[name]
    width, height = size
    back, front = _photograph(plan.background), _photograph(plan.foreground)
    fill = 1.12 * max(width / back.shape[1], height / back.shape[0])
    drop = 0.55 * height / front.shape[0]
    oval = _oval(front.shape[1], front.shape[0])
    for index in range(frames):
        time = index - frames / 2
        camera = _placement(back, size, fill * (1 + plan.zoom * index), (plan.pan_px[0] * time, plan.pan_px[1] * time), 0)
        thing = _placement(front, size, drop, (plan.cross_px[0] * time, plan.cross_px[1] * time), plan.turn_deg * time)
        picture = cv2.warpAffine(back, camera, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        over = cv2.warpAffine(front, thing, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        mask = cv2.warpAffine(oval, thing, size, flags=cv2.INTER_LINEAR)[..., None]
        yield _levels(picture + mask * (over - picture))


def footage(path: Path, frames: int = FRAMES, size: tuple[int, int] = SIZE) -> Iterator[Picture]:
    """The first frames of a real clip, cropped to the middle and scaled to ``size``."""
    width, height = size
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == frames:
                return
            picture = frame.to_ndarray(format="rgb24")
            scale = min(picture.shape[1] / width, picture.shape[0] / height)
            cut_w, cut_h = round(width * scale), round(height * scale)
            left, top = (picture.shape[1] - cut_w) // 2, (picture.shape[0] - cut_h) // 2
            cut = picture[top : top + cut_h, left : left + cut_w]
            yield cv2.resize(cut, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def auto_exposure(shots: Iterable[Picture]) -> Iterator[Picture]:
    """A camera that opens up by 60 % within a second, half-way: a wanted change of light."""
    for index, shot in enumerate(shots):
        yield _levels(shot * (0.75 + 0.45 / (1 + np.exp(-(index - FRAMES / 2) / 6))))


CLIPS = Path(__file__).resolve().parents[3] / "shared" / "clips"
FOOTAGE: dict[str, Callable[[int, tuple[int, int]], Iterator[Picture]]] = {
    "paraglider": lambda frames, size: footage(CLIPS / "real/davis_paragliding_launch.mp4", frames, size),
    "kitten": lambda frames, size: footage(CLIPS / "ai/cogvideox_kitten.mp4", frames, size),
    "wan22": lambda frames, size: footage(CLIPS / "meta/comfy_wan22_14B_i2v.mp4", frames, size),
    "auto exposure": lambda frames, size: auto_exposure(footage(CLIPS / "real/flipping_a_pancake.mkv", frames, size)),
    "cut": lambda frames, size: chain(
        footage(CLIPS / "real/pexels_cottonbro_face.mp4", frames * 5 // 12, size),
        footage(CLIPS / "real/cmp_carturn_source.mp4", frames - frames * 5 // 12, size),
    ),
}
"""Fast motion, AI renders, a wanted change of light, a cut to a fast shot."""


def held_out() -> list[str]:
    """Sources on which no part of the repair was tuned, those that are here."""
    return ["rocket", *(FOOTAGE if CLIPS.exists() else ())]


def exposure(shots: Iterable[Picture], levels: float = 15.0, seed: int = 1) -> Iterator[Picture]:
    """Gain and offset of the whole frame drawn anew for each frame."""
    rng = np.random.default_rng(seed)
    for shot in shots:
        gain, offset = 1 + rng.normal(0, levels / 160), rng.normal(0, levels / 2)
        yield _levels((shot - 90) * gain + 90 + offset)


def patches(shots: Iterable[Picture], levels: float = 5.5, seed: int = 2) -> Iterator[Picture]:
    """Patches of a sixth of the height drawn anew for each frame, in brightness."""
    rng = np.random.default_rng(seed)
    for shot in shots:
        yield _levels(shot * (1 + levels / 110 * _field(rng, shot.shape, 1)))


def hues(shots: Iterable[Picture], levels: float = 11.0, seed: int = 3) -> Iterator[Picture]:
    """The same in hue, at constant luma."""
    rng = np.random.default_rng(seed)
    for shot in shots:
        tint = _field(rng, shot.shape, 3)
        luma = tint @ np.array([0.299, 0.587, 0.114], np.float32)
        yield _levels(shot + levels * (tint - luma[..., None]))


def details(shots: Iterable[Picture], levels: float = 8.0, seed: int = 4) -> Iterator[Picture]:
    """Fine texture drawn anew for each frame, ``levels`` its deviation over the frame, stronger where the picture has texture."""
    rng = np.random.default_rng(seed)
    for shot in shots:
        grain = cv2.GaussianBlur(rng.normal(0, 1, shot.shape[:2]).astype(np.float32), (0, 0), 1.1)
        luma = shot.mean(2)
        contrast = cv2.blur(np.abs(luma - cv2.blur(luma, (7, 7))), (15, 15))
        added = grain * (0.5 + np.minimum(contrast / 12, 1.5))
        yield _levels(shot + (levels / float(np.sqrt(np.square(added).mean())) * added)[..., None])


def mixed(shots: Iterable[Picture], seed: int = 5) -> Iterator[Picture]:
    """All four at once, each weaker."""
    return details(hues(patches(exposure(shots, 8, seed), 5, seed + 1), 7, seed + 2), 6, seed + 3)


def posterised(shots: Iterable[Picture], step: float = 5.0) -> Iterator[Picture]:
    """Smooth areas cut into steps: banding."""
    for shot in shots:
        smooth = cv2.GaussianBlur(shot, (0, 0), 2)
        is_flat = np.clip(1.5 - np.abs(shot - smooth).mean(2, keepdims=True) / 3, 0, 1)
        yield _levels(shot + is_flat * (np.floor(smooth / step) * step + step / 2 - smooth))


def held(shots: Iterable[Picture], times: int = 2) -> Iterator[Picture]:
    """Each ``times``-th picture shown ``times`` times: 24 frames a second made of 12."""
    shown: Picture | None = None
    for index, shot in enumerate(shots):
        if shown is None or index % times == 0:
            shown = shot
        yield shown


def unchanged(shots: Iterable[Picture]) -> Iterator[Picture]:
    return iter(shots)


@dataclass(frozen=True)
class Kind:
    """A defect: what happens to the pictures, to truth and degraded clip alike first, and how the clip is encoded."""

    defect: Callable[[Iterable[Picture]], Iterator[Picture]]
    options: dict[str, str] = field(default_factory=lambda: {"crf": "12", "preset": "medium"})
    base: Callable[[Iterable[Picture]], Iterator[Picture]] = unchanged


_PULSE = {"crf": "30", "preset": "medium", "x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=0:ipratio=0.6:mbtree=0"}

KINDS: dict[str, Kind] = {
    "clean": Kind(unchanged),
    "global": Kind(exposure),
    "patchy": Kind(patches),
    "hue": Kind(hues),
    "detail": Kind(details),
    "mixed": Kind(mixed),
    "banding": Kind(posterised),
    "keyframe_pulse": Kind(unchanged, _PULSE),
    "low_rate": Kind(mixed, {"crf": "26", "preset": "medium"}),
    "held": Kind(lambda shots: held(mixed(shots)), base=held),
}
"""``low_rate`` is ``mixed`` at a low bit rate; ``held`` is ``mixed`` at half the cadence, with exact duplicates."""


@dataclass(frozen=True)
class Degraded:
    kind: str
    source: str
    path: Path
    truth: Path


def make(folder: Path, source: str, kind: str, frames: int = FRAMES, size: tuple[int, int] = SIZE, fps: int = FPS) -> Degraded:
    """Write ``<source>-<kind>.mp4`` and its truth. ``source`` names a scene or one of ``FOOTAGE``."""
    recipe = KINDS[kind]

    def shots() -> Iterator[Picture]:
        return FOOTAGE[source](frames, size) if source in FOOTAGE else scene(source, frames, size)

    truth = folder / f"{source}-{'held' if kind == 'held' else 'truth'}.mkv"
    if not truth.exists():
        partial = truth.with_suffix(".part")
        write(partial, recipe.base(shots()), fps=fps, codec="ffv1", pixel_format="bgr0", options={"level": "3"}, container="matroska")
        partial.rename(truth)
    path = folder / f"{source}-{kind}.mp4"
    write(path, recipe.defect(shots()), fps=fps, options=recipe.options)
    return Degraded(kind, source, path, truth)


def _levels(picture: NDArray[np.floating]) -> Picture:
    return np.clip(np.rint(picture), 0, 255).astype(np.float32)


def _field(rng: np.random.Generator, shape: tuple[int, ...], channels: int) -> NDArray[np.float32]:
    height, width = shape[:2]
    coarse = rng.normal(0, 1, (6, 6 * width // height, channels)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, channels)


def _placement(picture: Picture, size: tuple[int, int], scale: float, shift: tuple[float, float], turn_deg: float) -> NDArray[np.float64]:
    """The matrix that puts the picture's middle at the frame's middle plus ``shift``."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, scale)
    matrix[:, 2] += (size[0] / 2 - width / 2 + shift[0], size[1] / 2 - height / 2 + shift[1])
    return np.asarray(matrix, np.float64)


def _oval(width: int, height: int) -> NDArray[np.float32]:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.clip((0.8 - np.hypot(x, y)) * 0.5 * min(width, height) + 0.5, 0, 1).astype(np.float32)


def _photograph(name: str) -> Picture:
    picture = np.asarray(data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)(), np.float32)
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
