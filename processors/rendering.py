"""One call of a pipeline: what is asked of it, with which keywords, and its progress, from within each step."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from ..config.errors import RouteRefused
from . import media
from .families import pipelines, table
from .families.adapter import OPTIONS, Adapter
from .families.family import Family, Kind
from .records import Clip, Progress, Regeneration

_MOST_STEPS, _MOST_SIDE_PX = 1000, 4096
_LARGEST_IMAGE_PIXELS = 1 << 26


@dataclass(frozen=True)
class Ask:
    """What is rendered, settled before anything is loaded."""

    clip: Clip
    family: Family
    kind: Kind
    prompt: Regeneration
    width: int
    height: int
    frames: int  # that the model makes, or is given
    steps: int
    seed: int
    notes: tuple[str, ...]

    @classmethod
    def of(cls, clip: Clip, wanted: Regeneration, family: Family) -> Ask:
        """Raises RouteRefused for what the model cannot render."""
        assert wanted.kind is not None
        _require_plain(clip)
        prompt, notes = wanted.prompt, list[str]()
        if not prompt.prompt and "StableVideoDiffusionPipeline" not in family.pipelines.values():
            raise RouteRefused(f"{family.name} renders from a prompt, and none was found.", path=clip.path)
        native = min(family.sizes, key=lambda size: abs(size[0] / size[1] - clip.width / clip.height))
        width, height = (_multiple(side or own, family.multiple) for side, own in zip((prompt.width, prompt.height), native, strict=True))
        if (prompt.width or width, prompt.height or height) != (width, height):
            notes.append(f"rendered at {width}x{height}: the model's sides are multiples of {family.multiple}")
        steps = prompt.num_inference_steps or family.steps
        if not 1 <= steps <= _MOST_STEPS or max(width, height) > _MOST_SIDE_PX:
            raise RouteRefused(f"{steps} steps at {width}x{height} are more than any model takes.", path=clip.path)
        seed = prompt.seed
        if seed is None:
            seed = int(clip.digest[:8], 16)
            notes.append(f"no seed was stored: {seed} was taken and is locked")
        return cls(clip, family, wanted.kind, wanted, width, height, _frames(clip, wanted, family), steps, seed % (1 << 64), tuple(notes))


def run(pipe: Any, ask: Ask, adapter: Adapter, options: dict[str, Any], progress: Progress) -> NDArray[np.float32]:
    """Frames (n, height, width, 3), RGB, 0-1. The same seed gives the same ones. ``progress`` may raise, and does so within a step.

    Raises torch's error where memory does not suffice.
    """
    import torch  # its inference mode is not asked for: weights that offload by layer moved within it cannot be moved outside

    keywords = _keywords(pipe, ask, adapter) | {key: value for key, value in options.items() if key in _takes(pipe)}
    keywords["generator"] = torch.Generator("cpu").manual_seed(ask.seed)
    try:
        with pipelines.quiet(), _shifted(pipe, ask, adapter), _told(pipe, progress) as step:
            made = pipe(**keywords, output_type="np", callback_on_step_end=step).frames
    finally:
        pipe.maybe_free_model_hooks()
    return np.asarray(made[0], np.float32)


def memory_bytes(device: str) -> tuple[int, int]:
    """(free now, in all)."""
    import torch

    if device == "cuda":
        return torch.cuda.mem_get_info()
    memory = psutil.virtual_memory()
    return memory.available, memory.total


def _keywords(pipe: Any, ask: Ask, adapter: Adapter) -> dict[str, Any]:
    stored = ask.prompt.prompt
    guidance = ask.family.guidance if stored.guidance_scale is None else stored.guidance_scale
    strength = (ask.prompt.strength or ask.family.strength) if ask.kind is Kind.VIDEO else None
    all_of_them: dict[str, Any] = {
        "prompt": stored.prompt,
        "negative_prompt": stored.negative_prompt,
        "width": ask.width,
        "height": ask.height,
        "num_frames": ask.frames,
        "num_inference_steps": ask.steps if strength is None else max(ask.steps, int(1 / strength) + 1),
        "strength": strength,
        **({"fps": round(stored.fps or ask.family.fps)} if adapter.uses_fps else {}),
        **{key: value for key, value in stored.extra.items() if key in OPTIONS and OPTIONS[key].accepts(value)},
        adapter.guidance: guidance,
    }
    if ask.kind is Kind.IMAGE:
        all_of_them["image"] = _image(ask)
    if ask.kind is Kind.VIDEO:
        all_of_them["video"] = _video(ask)
    takes = _takes(pipe)
    return {key: value for key, value in all_of_them.items() if key in takes and value is not None}


def _takes(pipe: Any) -> set[str]:
    return set(inspect.signature(pipe.__call__).parameters)


@contextmanager
def _shifted(pipe: Any, ask: Ask, adapter: Adapter) -> Generator[None, None, None]:
    """Within the block the scheduler has the stored shift, where the family has one; the pipeline is kept for other clips."""
    own, shift = pipe.scheduler, ask.prompt.prompt.extra.get("flow_shift")
    if adapter.shift is not None and OPTIONS["flow_shift"].accepts(shift):
        pipe.scheduler = type(own).from_config(own.config, **{adapter.shift: shift})
    try:
        yield
    finally:
        pipe.scheduler = own


@contextmanager
def _told(pipe: Any, progress: Progress) -> Generator[Any, None, None]:
    """A callback for the end of each step. Between, ``progress`` is called before each block of the networks, so that it can stop one."""
    done = 0.0

    def step(pipe: Any, index: int, moment: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        nonlocal done
        done = (index + 1) / max(1, pipe.num_timesteps)
        progress(done)
        return tensors

    def tell(*_: Any) -> None:
        progress(done)

    hooks = [block.register_forward_pre_hook(tell) for block in _blocks(pipe)]
    try:
        yield step
    finally:
        for hook in hooks:
            hook.remove()


def _blocks(pipe: Any) -> list[Any]:
    import torch

    networks = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    lists: list[Any] = [each for network in networks for each in network.modules() if isinstance(each, torch.nn.ModuleList)]
    return [block for each in lists for block in each if block is not None]


def _require_plain(clip: Clip) -> None:
    told = {
        "It has transparency": clip.has_alpha,
        "It is HDR": clip.color.is_hdr,
        "Players turn its picture": clip.rotation != 0 or clip.mirrored,
    }
    for what, so in told.items():
        if so:
            raise RouteRefused(f"{what}, which no model renders. Use --route smooth.", path=clip.path)


def _frames(clip: Clip, wanted: Regeneration, family: Family) -> int:
    if wanted.kind is not Kind.VIDEO:
        return wanted.prompt.num_frames or family.nearest_frames(min(clip.frames, family.most_frames))
    if clip.frames > family.most_frames:
        raise RouteRefused(
            f"It has {clip.frames} frames, and {family.name} renders {family.most_frames} at most. Cut it into shorter clips.",
            path=clip.path,
        )
    step, offset = table.ADAPTERS[family.name].video_frames or (family.frame_step, family.frame_offset)
    return offset + step * max(1, -(-(clip.frames - offset) // step))


def _multiple(side: int, multiple: int) -> int:
    return max(multiple, round(side / multiple) * multiple)


def _image(ask: Ask) -> Image.Image:
    path: Path | None = ask.prompt.prompt.image
    if path is None:
        return _picture(ask, next(media.frames(ask.clip)))
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "BMP")) as opened:
            if opened.width * opened.height > _LARGEST_IMAGE_PIXELS:
                raise RouteRefused("The stored picture is too large. Scale it down, then try again.", path=path)
            return opened.convert("RGB").resize((ask.width, ask.height), Image.Resampling.LANCZOS)
    except OSError as error:
        raise RouteRefused(f"The stored picture cannot be read: {error}", path=path) from None


def _video(ask: Ask) -> list[Image.Image]:
    """The whole clip, for pipelines take no less: it is short, by the model's most frames."""
    pictures = [_picture(ask, frame) for frame in media.frames(ask.clip)]
    return pictures + pictures[-1:] * (ask.frames - len(pictures))


def _picture(ask: Ask, frame: Any) -> Image.Image:
    return Image.fromarray(frame.reformat(ask.width, ask.height, "rgb24", interpolation="LANCZOS").to_ndarray())
