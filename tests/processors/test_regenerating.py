"""Which means and kind a clip is rendered again with, and why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import prompts
import pytest
from prompts import COGVIDEOX, SHOT, STEPS, diagnosis, stored

from deshimmer.config.errors import NotSetUp, RouteRefused
from deshimmer.config.settings import Models, Settings
from deshimmer.processors import regenerating, routing
from deshimmer.processors.families import needs
from deshimmer.processors.families.family import Kind, Means
from deshimmer.processors.prompts.stored import Source, StoredPrompt
from deshimmer.processors.records import Change, Clip, Plan, Regeneration, Request, Route, Verdict

REQUEST = Request(SHOT.path, Path("/out"), "a.mp4")
FLICKERS = diagnosis(Verdict.GENERATIVE)
COMFYUI = Settings(models=Models(comfyui="http://127.0.0.1:8188"))
SVD = StoredPrompt(Source.COMFYUI, pipeline="StableVideoDiffusionPipeline", model="svd_xt.safetensors", seed=3)
MOCHI = StoredPrompt(Source.COMFYUI, prompt="a cat", pipeline="MochiPipeline", model="genmo/mochi-1-preview", seed=3)
WAN_PICTURE = StoredPrompt(
    Source.DESHIMMER, prompt="a cat", pipeline="WanImageToVideoPipeline", model="Wan-AI/Wan2.1-I2V-14B-480P-Diffusers", seed=3
)


@pytest.fixture(autouse=True)
def seams(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts.install(monkeypatch, weights=Path("/weights"))


def choose(
    prompt: StoredPrompt = COGVIDEOX, *lint: Any, clip: Clip = SHOT, found: Any = FLICKERS, settings: Settings | None = None
) -> Regeneration:
    return regenerating.choose(clip, found, stored(prompt, *lint), settings or Settings())


def test_video_to_video_keeps_the_content_and_comes_first() -> None:
    made = choose(COGVIDEOX, STEPS)
    assert (made.means, made.kind, made.prompt.num_inference_steps) == (Means.DIFFUSERS, Kind.VIDEO, 40)
    assert made.changes == (Change("num_inference_steps", 20, 40, "cogvideox-steps"),)
    assert made.strength is not None
    assert 0 < made.strength < 0.7
    assert "content stays" in made.reason
    assert made.prompt.seed == 42


@pytest.mark.parametrize(
    ("prompt", "clip", "verdict", "kind", "why"),
    [
        (MOCHI, SHOT, Verdict.GENERATIVE, Kind.TEXT, "no video to video"),
        (COGVIDEOX, SHOT, Verdict.INCOHERENT, Kind.TEXT, "objects change"),
        (COGVIDEOX, replace(SHOT, frames=400), Verdict.GENERATIVE, Kind.TEXT, "400 frames"),
        (COGVIDEOX, replace(SHOT, frames=3), Verdict.GENERATIVE, Kind.TEXT, "at least"),
        (SVD, SHOT, Verdict.GENERATIVE, Kind.IMAGE, "the clip's first frame"),
        (replace(SVD, image=Path("/clips/start.png")), SHOT, Verdict.GENERATIVE, Kind.IMAGE, "the stored picture start.png"),
    ],
)
def test_what_else_it_starts_from_and_why(prompt: StoredPrompt, clip: Clip, verdict: Verdict, kind: Kind, why: str) -> None:
    made = choose(prompt, clip=clip, found=diagnosis(verdict))
    assert (made.kind, made.strength) == (kind, None)
    assert why in made.reason
    assert "will differ" in made.reason


def test_what_came_out_flickering_is_not_rolled_the_same_again() -> None:
    made = choose(MOCHI)
    assert (made.prompt.seed, [change.field for change in made.changes]) == (4, ["seed"])
    assert "same seed would flicker again" in made.reason
    corrected = choose(MOCHI, replace(STEPS, value=None))
    assert (corrected.prompt.seed, corrected.prompt.num_inference_steps) == (3, 40)
    assert "the same seed and corrected parameters" in corrected.reason


def test_a_graph_goes_to_comfyui_where_that_is_set() -> None:
    graph = replace(COGVIDEOX, has_graph=True)
    made = choose(graph, STEPS, settings=COMFYUI)
    assert (made.means, made.kind, made.model, made.prompt.num_inference_steps) == (Means.COMFYUI, None, None, 40)
    assert regenerating.ready(made, COMFYUI) == made
    assert choose(graph).means is Means.DIFFUSERS
    unknown = choose(replace(graph, model="ltx-video", pipeline=None))
    assert unknown.means is Means.COMFYUI
    with pytest.raises(NotSetUp, match=r"models\.comfyui"):
        regenerating.ready(unknown, Settings())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None, "pipeline": None}, "does not say which model"),
        ({"model": "ltx", "pipeline": None}, "'ltx'"),
        ({"model": None, "pipeline": None, "reason": "only the file's name is known"}, "only the file's name is known. Use --route smooth"),
        ({"model": "genmo/mochi-1-preview", "pipeline": None, "prompt": None}, "neither text nor a picture"),
    ],
)
def test_what_cannot_be_rendered_again(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RouteRefused) as refused:
        choose(replace(COGVIDEOX, **changes))
    assert words in refused.value.message


def test_no_prompt_and_fields_are_refused() -> None:
    for nothing in (None, replace(stored(), prompt=None)):
        with pytest.raises(RouteRefused, match="No prompt is stored"):
            regenerating.choose(SHOT, FLICKERS, nothing, Settings())
    with pytest.raises(RouteRefused, match="interlaced"):
        choose(clip=replace(SHOT, interlaced=True))


def plan(request: Request) -> Plan:
    return routing.plan(request, SHOT, FLICKERS, Settings(), stored(COGVIDEOX, STEPS))


def test_its_name_is_its_own_approval_and_an_offer_taken_is_not() -> None:
    named = plan(replace(REQUEST, route=Route.REGENERATE, candidates=3))
    assert (named.route, named.named_by_user, len(named.treatments)) == (Route.REGENERATE, True, 1)
    made = named.treatments[0].regeneration
    assert made is not None
    assert (made.model, made.candidates, made.kind) == (Path("/weights"), 3, Kind.VIDEO)
    assert named.reason == made.reason
    assert not plan(replace(REQUEST, route=Route.REGENERATE, approved=True)).named_by_user


def test_a_prompt_holds_back_no_repair() -> None:
    assert plan(REQUEST).route is Route.SMOOTH


def test_what_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts.install(monkeypatch)
    with pytest.raises(NotSetUp, match="deshimmer models add THUDM/CogVideoX-5b"):
        plan(replace(REQUEST, route=Route.REGENERATE))
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    with pytest.raises(NotSetUp, match="pip install"):
        plan(replace(REQUEST, route=Route.REGENERATE))
