"""From values that a generator stored to the fields of a StoredPrompt, each checked and with its source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import pipelines, untrusted
from .stored import Source, StoredPrompt

MOST_SEED = (1 << 64) - 1
MOST_SIDE = 16384
MOST_FRAMES = 100_000


def _seed(value: Any) -> int | None:
    return untrusted.integer(value, 0, MOST_SEED)


def _side(value: Any) -> int | None:
    return untrusted.integer(value, 1, MOST_SIDE)


def _frames(value: Any) -> int | None:
    return untrusted.integer(value, 1, MOST_FRAMES)


def _steps(value: Any) -> int | None:
    return untrusted.integer(value, 1, 10_000)


def _guidance(value: Any) -> float | None:
    return untrusted.number(value, 0, 1000)


def _fps(value: Any) -> float | None:
    return untrusted.number(value, 0.01, 1000)


CHECKS: dict[str, Callable[[Any], Any]] = {
    "prompt": untrusted.prompt,
    "negative_prompt": untrusted.prompt,
    "model": untrusted.name,
    "seed": _seed,
    "num_frames": _frames,
    "num_inference_steps": _steps,
    "guidance_scale": _guidance,
    "width": _side,
    "height": _side,
    "fps": _fps,
}
"""What makes a field's value of a stored one; None where it cannot be one."""


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are what they should be."""
    fields = {name: CHECKS[name](value) for name, value in values.items() if value is not None}
    return {name: value for name, value in fields.items() if value is not None}


def stored(
    source: Source,
    values: Mapping[str, Any],
    where: Mapping[str, str] | str,
    *,
    reason: str | None = None,
    loras: Iterable[str] = (),
    from_image: bool | None = None,
    extra: Mapping[str, Any] | None = None,
) -> StoredPrompt | None:
    """A StoredPrompt of ``values`` by field; None where nothing of them holds. ``where`` says it for all fields, or for each.

    The pipeline follows from the model, where neither ``reason`` nor a LoRA stands against it.
    """
    fields = checked(values)
    if not fields:
        return None
    names = tuple(untrusted.clean(lora, untrusted.MOST_NAME) for lora in loras)
    choice = pipelines.choose(fields.get("model"), from_image=from_image, loras=names, reason=reason and untrusted.clean(reason))
    sources = {name: where if isinstance(where, str) else where.get(name, "") for name in fields}
    return StoredPrompt(source, **fields, pipeline=choice.pipeline, reason=choice.reason, extra=dict(extra or {}), sources=cleaned(sources))


def cleaned(sources: Mapping[str, str]) -> dict[str, str]:
    """What a person reads of where a field was found; names of files stand in it."""
    return {name: untrusted.clean(where, 2 * untrusted.MOST_NAME) for name, where in sources.items() if where}


def size(text: Any, separators: str = "xX*") -> tuple[int | None, int | None]:
    """(width, height) of "832x480"."""
    if isinstance(text, str):
        for mark in separators:
            width, found, height = text.strip().strip("()[]").partition(mark)
            if found:
                return _side(width.strip()), _side(height.strip())
    return None, None
