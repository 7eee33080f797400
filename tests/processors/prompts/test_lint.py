"""Every rule of lint, where it speaks and where it does not; corrected prompts; the page of the rules."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deshimmer.processors.families import table
from deshimmer.processors.prompts import lint, rules, rules_page
from deshimmer.processors.prompts.stored import Severity, Source, StoredPrompt
from deshimmer.processors.records import Change, Clip, Diagnosis, Verdict

DOCS = Path(__file__).resolve().parents[3] / "docs"
EXTRA = (
    "noise_aug_strength",
    "motion_bucket_id",
    "decode_chunk_size",
    "max_guidance_scale",
    "vae_tiling",
    "control_after_generate",
    "lora",
)

SVD, XT = "stabilityai/stable-video-diffusion-img2vid", "stabilityai/stable-video-diffusion-img2vid-xt"
COG, COG2, COG15 = "THUDM/CogVideoX-5b", "THUDM/CogVideoX-2b", "THUDM/CogVideoX1.5-5B"
WAN, WAN14, MOCHI = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "wan2.1_t2v_14B_fp16.safetensors", "genmo/mochi-1-preview"


def prompt(model: str | None, **values: Any) -> StoredPrompt:
    extra = {name: values.pop(name) for name in EXTRA if name in values}
    return StoredPrompt(Source.COMFYUI, model=model, extra=extra, **{"seed": 42, **values})


def diagnosed(*kinds: str) -> Diagnosis:
    return cast(Diagnosis, SimpleNamespace(causes=[SimpleNamespace(kind=kind) for kind in kinds]))


def clip(frames: int, fps: float) -> Clip:
    return cast(Clip, SimpleNamespace(frames=frames, frame_rate=fps))


SPEAKS = [
    ("svd-noise-aug", prompt(XT, noise_aug_strength=0.1), "noise_aug_strength", 0.02),
    ("svd-noise-aug", prompt("svd_xt.safetensors", noise_aug_strength=1), "noise_aug_strength", 0.02),
    ("svd-motion-bucket", prompt(SVD, motion_bucket_id=180), "motion_bucket_id", 100),
    ("svd-motion-bucket", prompt(f"{XT}-1-1", motion_bucket_id=180), "motion_bucket_id", 127),
    ("svd-decode-chunk", prompt(XT, decode_chunk_size=25), "decode_chunk_size", 8),
    ("svd-decode-chunk-small", prompt(XT, decode_chunk_size=1), "decode_chunk_size", 8),
    ("cogvideox-steps", prompt(COG, num_inference_steps=34), "num_inference_steps", 40),
    ("cogvideox-steps", prompt(COG2, num_inference_steps=20), "num_inference_steps", 40),
    ("steps", prompt(WAN, num_inference_steps=10), "num_inference_steps", 50),
    ("steps", prompt(MOCHI, num_inference_steps=20), "num_inference_steps", 64),
    ("steps", prompt(XT, num_inference_steps=12), "num_inference_steps", 25),
    ("guidance", prompt(COG, guidance_scale=12.0), "guidance_scale", 7.5),
    ("guidance", prompt(COG, guidance_scale=1.0), "guidance_scale", 7.5),
    ("guidance", prompt(WAN, guidance_scale=10.0), "guidance_scale", 6.0),
    ("guidance", prompt(WAN14, guidance_scale=9.0), "guidance_scale", 5.0),
    ("guidance", prompt(MOCHI, guidance_scale=1.5), "guidance_scale", 4.5),
    ("guidance", prompt(XT, max_guidance_scale=7.5), "max_guidance_scale", 3.0),
    ("seed-unlocked", prompt(COG, seed=None), "seed", 42),
    ("seed-unlocked", prompt(None, seed=None), "seed", 42),
    ("seed-unlocked", prompt(WAN, seed=7, control_after_generate="randomize"), "seed", 7),
    ("frame-count", prompt(COG, num_frames=48), "num_frames", 41),
    ("frame-count", prompt(COG15, num_frames=49 + 8), "num_frames", 49),
    ("frame-count", prompt(WAN, num_frames=80), "num_frames", 77),
    ("frame-count", prompt(MOCHI, num_frames=84), "num_frames", 79),
    ("frames-beyond-range", prompt(WAN, num_frames=121), "num_frames", 81),
    ("frames-beyond-range", prompt(COG, num_frames=81), "num_frames", 49),
    ("frames-beyond-range", prompt(SVD, num_frames=25), "num_frames", 14),
    ("frames-beyond-range", prompt(XT, num_frames=26), "num_frames", 25),
    ("frames-beyond-range", prompt(MOCHI, num_frames=169), "num_frames", 163),
    ("size-not-native", prompt(COG, width=768, height=480), "width", 720),
    ("size-not-native", prompt(f"{COG15}-I2V", width=1376, height=768), "width", 1360),
    ("size-not-native", prompt(COG15, width=1344, height=768), "width", 1360),
    ("size-not-native", prompt(COG, width=720, height=512), "height", 480),
    ("size-not-native", prompt(COG, width=480, height=720), "width", None),
    ("size-not-native", prompt(WAN14, width=1280, height=768), "height", 720),
    ("size-multiple", prompt(WAN, width=854, height=480), "width", 848),
    ("size-multiple", prompt(XT, width=1024, height=560), "height", 576),
]
SILENT = [
    ("svd-noise-aug", prompt(XT, noise_aug_strength=0.05)),
    ("svd-noise-aug", prompt(XT, noise_aug_strength="much")),
    ("svd-noise-aug", prompt(COG, noise_aug_strength=0.5)),
    ("svd-motion-bucket", prompt(XT, motion_bucket_id=127)),
    ("svd-decode-chunk", prompt(XT, decode_chunk_size=8)),
    ("svd-decode-chunk-small", prompt(XT, decode_chunk_size=4)),
    ("cogvideox-steps", prompt(COG, num_inference_steps=35)),
    ("cogvideox-steps", prompt(WAN, num_inference_steps=5)),
    ("cogvideox-steps", prompt(COG, num_inference_steps=4, lora="cogvideox_lightning.safetensors")),
    ("steps", prompt(WAN, num_inference_steps=20)),
    ("steps", prompt(WAN, num_inference_steps=4, lora="Wan21_CausVid_14B")),
    ("steps", prompt(COG, num_inference_steps=5)),
    ("guidance", prompt(COG, guidance_scale=7.5)),
    ("guidance", prompt(WAN, guidance_scale=5.0)),
    ("guidance", prompt(WAN, guidance_scale=1.0, lora="lightx2v_T2V_14B")),
    ("guidance", prompt(XT, max_guidance_scale=3.0)),
    ("seed-unlocked", prompt(COG, seed=0)),
    ("seed-unlocked", prompt(WAN, control_after_generate="fixed")),
    ("frame-count", prompt(COG, num_frames=49)),
    ("frame-count", prompt(WAN, num_frames=81)),
    ("frame-count", prompt(WAN, num_frames=122)),
    ("frame-count", prompt(XT, num_frames=13)),
    ("frames-beyond-range", prompt(WAN, num_frames=81)),
    ("frames-beyond-range", prompt(COG15, num_frames=161)),
    ("frames-beyond-range", prompt(XT, num_frames=25)),
    ("size-not-native", prompt(COG, width=720, height=480)),
    ("size-not-native", prompt(f"{COG15}-I2V", width=1024, height=768)),
    ("size-not-native", prompt(f"{COG15}-I2V", width=768, height=768)),
    ("size-not-native", prompt(WAN14, width=480, height=832)),
    ("size-not-native", prompt(COG, width=700)),
    ("size-not-native", prompt(WAN, width=854, height=480)),
    ("size-multiple", prompt(WAN, width=832, height=480)),
    ("size-multiple", prompt("unknown.ckpt", width=853, height=481)),
]


def of(rule: str, found: tuple[Any, ...]) -> list[Any]:
    return [each for each in found if each.rule == rule]


@pytest.mark.parametrize(("rule", "stored", "field", "suggested"), SPEAKS)
def test_where_a_rule_speaks(rule: str, stored: StoredPrompt, field: str, suggested: Any) -> None:
    found = [each for each in of(rule, lint.lint(stored, None, None)) if each.field == field]
    assert len(found) == 1
    assert found[0].suggested == suggested
    assert found[0].value == (stored.extra | {key: getattr(stored, key) for key in ("seed", "model")}).get(
        field, getattr(stored, field, None)
    )
    assert found[0].source
    assert not set("{}") & set(found[0].message + found[0].source)


@pytest.mark.parametrize(("rule", "stored"), SILENT)
def test_where_a_rule_is_silent(rule: str, stored: StoredPrompt) -> None:
    assert of(rule, lint.lint(stored, None, None)) == []


@pytest.mark.parametrize("kind", ["tile_blink", "tile_seam"])
@pytest.mark.parametrize("model", [None, WAN])
def test_tiles_that_blink_need_diagnosis_and_tiling(kind: str, model: str | None) -> None:
    tiled = prompt(model, vae_tiling=True)
    (found,) = lint.lint(tiled, diagnosed("duplicates", kind), None)
    assert (found.rule, found.severity, found.suggested) == ("tiled-vae-blinking", Severity.ERROR, False)
    assert lint.lint(tiled, None, None) == ()
    assert lint.lint(tiled, diagnosed("duplicates"), None) == ()
    assert lint.lint(prompt(model), diagnosed(kind), None) == ()
    assert lint.lint(prompt(model, vae_tiling=False), diagnosed(kind), None) == ()


def test_without_a_stored_count_the_clip_tells_its_frames_unless_it_was_interpolated() -> None:
    (found,) = lint.lint(prompt(WAN), None, clip(121, 16))
    assert (found.rule, found.value, found.suggested) == ("frames-beyond-range", 121, 81)
    assert lint.lint(prompt(WAN), None, clip(161, 32)) == ()
    assert lint.lint(prompt(WAN, num_frames=81), None, clip(121, 16)) == ()


def test_every_rule_is_tried_both_ways() -> None:
    names = {rule.name for rule in rules.RULES} - {"tiled-vae-blinking"}
    assert {rule for rule, *_ in SPEAKS} == names
    assert {rule for rule, _ in SILENT} == names


@pytest.mark.parametrize("family", table.ALL, ids=lambda family: family.name)
def test_a_familys_own_figures_are_right(family: Any) -> None:
    width, height = family.sizes[0]
    model = family.source.removeprefix("the model card of ")
    own = prompt(
        model,
        num_frames=family.num_frames,
        num_inference_steps=family.steps,
        guidance_scale=family.guidance,
        width=width,
        height=height,
    )
    assert table.family_of(model, None) == family
    assert lint.lint(own, diagnosed(), None) == ()
    assert lint.lint(replace(own, num_frames=family.most_frames), diagnosed(), None) == ()


def test_corrected_takes_what_is_suggested_and_tells_what_changed() -> None:
    stored = prompt(XT, noise_aug_strength=0.1, seed=None, num_frames=30, width=1024, height=576)
    found = lint.lint(stored, None, None)
    better, changes = lint.corrected(stored, found)
    assert changes == (
        Change("noise_aug_strength", 0.1, 0.02, "svd-noise-aug"),
        Change("seed", None, 42, "seed-unlocked"),
        Change("num_frames", 30, 25, "frames-beyond-range"),
    )
    assert (better.extra, better.seed, better.num_frames) == ({"noise_aug_strength": 0.02}, 42, 25)
    assert lint.lint(better, None, None) == ()
    assert stored.extra == {"noise_aug_strength": 0.1}


@pytest.mark.parametrize(("rule", "stored", "field", "suggested"), SPEAKS)
def test_what_is_corrected_stays_so(rule: str, stored: StoredPrompt, field: str, suggested: Any) -> None:
    better, _ = lint.corrected(stored, lint.lint(stored, None, None))
    again = lint.lint(better, None, None)
    assert [
        each for each in again if each.suggested is not None and each.severity is not Severity.INFO and each.rule != "size-not-native"
    ] == []


def test_corrected_leaves_what_only_a_person_can_say() -> None:
    upright = prompt(COG, width=480, height=720)
    found = lint.lint(upright, None, None)
    assert [each.suggested for each in found] == [None, None]
    assert lint.corrected(upright, found) == (upright, ())
    locked = prompt(WAN, control_after_generate="randomize")
    assert lint.corrected(locked, lint.lint(locked, None, None)) == (locked, ())


def test_only_errors_of_flickering_clips_are_called_the_cause() -> None:
    errors = lint.lint(prompt(XT, noise_aug_strength=0.1), None, None)
    assert (lint.cause(Verdict.GENERATIVE, errors) or "").startswith("Cause found in your parameters: noise_aug_strength is 0.1")
    assert lint.cause(Verdict.CLEAN, errors) is None
    assert lint.cause(Verdict.CODEC, errors) is None
    assert lint.cause(Verdict.GENERATIVE, lint.lint(prompt(None, seed=None), None, None)) is None


def test_as_dict_has_the_keys_of_the_command_line() -> None:
    (found,) = lint.lint(prompt(None, seed=None), None, None)
    assert list(lint.as_dict(found)) == ["rule", "severity", "message", "value", "suggested", "source"]


def test_hostile_values_do_not_reach_the_forms() -> None:
    odd = prompt("{value.__class__}/CogVideoX-5b", guidance_scale=99.0, num_inference_steps=1)
    assert all("__class__" not in each.message for each in lint.lint(odd, None, None))


def test_the_page_of_the_rules_is_made_from_them() -> None:
    assert rules_page.table() in (DOCS / "lint.md").read_text(encoding="utf-8"), "put rules_page.table() into docs/lint.md"


def test_it_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from deshimmer.processors.prompts import lint, sidecar, shown, writing;"
        "print(sorted({'torch', 'diffusers', 'transformers', 'cv2', 'av'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
    stored = prompt(XT, noise_aug_strength=0.1, num_frames=30, width=1000, height=570)
    started = time.perf_counter()
    for _ in range(100):
        lint.lint(stored, None, None)
    assert time.perf_counter() - started < 1.0
