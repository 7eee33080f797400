"""Stored prompts made by hand, and stand-ins at the seams of ``regenerating`` for what has tests of its own."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from deshimmer.config.errors import NotSetUp
from deshimmer.config.settings import Settings
from deshimmer.processors import regenerating
from deshimmer.processors.families import needs
from deshimmer.processors.prompts.stored import Lint, Severity, Source, Stored, StoredPrompt
from deshimmer.processors.records import Band, Change, Clip, CodecReading, ColorTags, Diagnosis, Reading, Route, Verdict

COGVIDEOX = StoredPrompt(
    Source.DESHIMMER,
    prompt="a horse on a beach",
    pipeline="CogVideoXPipeline",
    model="THUDM/CogVideoX-5b",
    seed=42,
    num_frames=49,
    num_inference_steps=20,
)
STEPS = Lint("cogvideox-steps", Severity.WARNING, "Under 35 steps it flickers.", "num_inference_steps", 20, 40, "the article")

SHOT = Clip(
    Path("/clips/a.mp4"), "0", 1, "mov", "h264", "yuv420p", 8, 640, 360, 49, Fraction(8), Fraction(1, 8), Fraction(49, 8), False, 0,
    Fraction(1), False, False, ColorTags(), (),
)  # fmt: skip


def diagnosis(verdict: Verdict) -> Diagnosis:
    reading = Reading({}, CodecReading(0.5, 0.0, None), 0.8, 5.0, 100.0, 1.0)
    bands = () if verdict is Verdict.CLEAN else (Band.LOW_LUMA,)
    return Diagnosis(verdict, 0.9, Route.SMOOTH, "", {}, (), reading, (), "clean", None, bands)


def stored(prompt: StoredPrompt = COGVIDEOX, *lint: Lint, **changes: Any) -> Stored:
    return Stored(replace(prompt, **changes), lint)


def correct(prompt: StoredPrompt, lints: tuple[Lint, ...]) -> tuple[StoredPrompt, tuple[Change, ...]]:
    changes = tuple(Change(lint.field, lint.value, lint.suggested, lint.rule) for lint in lints)
    return replace(prompt, **{change.field: change.after for change in changes}), changes


def install(monkeypatch: pytest.MonkeyPatch, *, weights: Path | None = None) -> None:
    """Let lint correct as it says, and every model's weights lie in ``weights``, or be absent."""

    def locate(model: str, revision: str | None, settings: Settings, *, fetch: bool = True) -> Path:
        if weights is None:
            raise NotSetUp(f"The weights of {model} are not here. Run: deshimmer models add {model}")
        return weights

    monkeypatch.setattr(regenerating, "corrected", correct)
    monkeypatch.setattr(regenerating.store, "locate", locate)
    monkeypatch.setattr(needs, "find_spec", lambda name: object())
