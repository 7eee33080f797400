"""The offer to render a clip again: who gets one, and what it says."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import prompts
import pytest
from prompts import COGVIDEOX, SHOT, STEPS, diagnosis, stored

from deshimmer.config.errors import NotSetUp
from deshimmer.config.settings import Models, Settings
from deshimmer.processors import offers
from deshimmer.processors.families import table
from deshimmer.processors.families.family import Family, Kind, Means
from deshimmer.processors.prompts.stored import StoredPrompt
from deshimmer.processors.records import Passage, Request, Route, Verdict, Verification

REQUEST = Request(SHOT.path, Path("/out"), "a.mp4")
KEYS = {
    *(
        "means",
        "kind",
        "model",
        "pipeline",
        "minutes",
        "memory_gb",
        "device",
        "on_gpu",
        "here",
        "reason",
        "changes",
        "lint",
        "ready",
        "remedy",
    ),
}


@dataclass(frozen=True)
class Cost:
    minutes: float | None
    memory_gb: float
    device: str
    remedy: str | None = None
    on_gpu: bool = True


@pytest.fixture(autouse=True)
def seams(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts.install(monkeypatch, weights=Path("/weights"))
    costing(monkeypatch, Cost(6.04, 9.02, "cuda:0"))


def costing(monkeypatch: pytest.MonkeyPatch, cost: Cost) -> None:
    def estimate(family: Family, kind: Kind, prompt: StoredPrompt, settings: Settings) -> Cost:
        assert prompt.num_frames == SHOT.frames
        return cost

    monkeypatch.setattr("deshimmer.processors.families.cost.estimate", estimate)


def passage(verdict: Verdict = Verdict.GENERATIVE, judged: Verification | None = None, **asked: Any) -> Passage:
    request = replace(REQUEST, **asked)
    found = diagnosis(verdict)
    return Passage("id-1", request, Path("/out"), SHOT, stored(COGVIDEOX, STEPS), found, verification=judged)


def judged(*, better: bool) -> Verification:
    return Verification(better, False, "", (), diagnosis(Verdict.CLEAN).reading, None)


def test_an_offer_says_what_it_is_and_what_it_costs() -> None:
    made = offers.offer(passage(), Settings())
    assert made is not None
    told = made.as_dict()
    assert set(told) == KEYS
    assert (told["means"], told["kind"], told["pipeline"]) == ("diffusers", "video", "CogVideoXVideoToVideoPipeline")
    assert (told["minutes"], told["memory_gb"], told["device"], told["ready"], told["remedy"]) == (6.04, 9.0, "cuda:0", True, None)
    assert told["changes"] == [{"field": "num_inference_steps", "before": 20, "after": 40, "rule": "cogvideox-steps"}]
    assert told["lint"][0]["rule"] == "cogvideox-steps"
    assert json.loads(json.dumps(told)) == told
    assert offers.in_words(told, "abc-1", "a b.mp4") == (
        "Rendering it again would take about 6 minutes and 9 GB on cuda:0. Approve it with: deshimmer approve abc-1"
    )
    assert offers.in_words(told, "abc-fix1", "a b.mp4").endswith("Approve it with: deshimmer fix --route regenerate -- 'a b.mp4'")


@pytest.mark.parametrize("verdict", [Verdict.LUMINANCE, Verdict.INCOHERENT])
def test_flicker_of_every_kind_is_offered_for(verdict: Verdict) -> None:
    assert offers.offer(passage(verdict), Settings()) is not None


def test_also_where_a_repair_was_good_and_where_damage_hid_what_a_repair_could_not_mend() -> None:
    assert offers.offer(passage(judged=judged(better=True)), Settings()) is not None
    assert offers.offer(passage(Verdict.CODEC, judged(better=False)), Settings()) is not None
    assert offers.offer(passage(Verdict.CODEC, judged(better=True)), Settings()) is None


@pytest.mark.parametrize(
    "changed",
    [
        passage(Verdict.CLEAN),
        passage(regenerate="never"),
        passage(preview=True),
        passage(route=Route.REGENERATE),
        passage(route=Route.KEEP),
        replace(passage(), stored=None),
        replace(passage(), stored=stored(COGVIDEOX, model=None, pipeline=None)),
        replace(passage(), clip=replace(SHOT, interlaced=True)),
    ],
    ids=["clean", "never", "preview", "rendered", "keep", "no prompt", "no model", "interlaced"],
)
def test_nobody_is_asked(changed: Passage) -> None:
    assert offers.offer(changed, Settings()) is None


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts.install(monkeypatch)
    made = offers.offer(passage(), Settings())
    assert made is not None
    assert not made.ready
    assert made.remedy is not None
    assert "deshimmer models add" in made.remedy
    assert offers.in_words(made.as_dict(), "abc-1", "a b.mp4").endswith(f"Before that: {made.remedy}")


def test_what_does_not_fit_now_waits_and_an_unknown_speed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    costing(monkeypatch, Cost(None, 26.0, "RTX 9090", remedy="It takes 26 GB; 20 GB are free. Close other programs."))
    made = offers.offer(passage(), Settings())
    assert made is not None
    assert (made.ready, made.minutes) == (False, None)
    assert made.remedy == "It takes 26 GB; 20 GB are free. Close other programs."
    told = offers.in_words(made.as_dict(), "abc-1", "a b.mp4")
    assert "would take a time that nobody can tell and 26 GB on RTX 9090. Before that: It takes 26 GB; 20 GB are free." in told


@pytest.mark.parametrize(("here", "words"), [(True, ""), (False, " The model is fetched first.")])
def test_weights_that_would_be_fetched_are_ready_but_not_here(here: bool, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def locate(model: str, revision: str | None, settings: Settings, *, fetch: bool = True) -> Path:
        assert not fetch
        if not here and not settings.models.allow_download:
            raise NotSetUp("deshimmer models add it")
        return Path("/weights")

    monkeypatch.setattr("deshimmer.processors.families.store.locate", locate)
    made = offers.offer(passage(), Settings(models=Models(allow_download=True)))
    assert made is not None
    assert (made.ready, made.on_gpu, made.here) == (True, True, here)
    assert f"on cuda:0.{words} Approve it" in offers.in_words(made.as_dict(), "abc-1", "a b.mp4")


def test_the_cost_is_that_of_the_weights_that_lie_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And not of the family's usual ones."""
    seen: list[Family] = []

    def estimate(family: Family, kind: Kind, prompt: StoredPrompt, settings: Settings) -> Cost:
        seen.append(family)
        return Cost(1.0, 1.0, "cuda:0")

    monkeypatch.setattr("deshimmer.processors.families.cost.estimate", estimate)
    for part, numbers in (("transformer", 3), ("text_encoder", 2)):
        header = json.dumps({"a": {"dtype": "F16", "shape": [numbers, 10**9], "data_offsets": [0, 0]}}).encode()
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    prompts.install(monkeypatch, weights=tmp_path)
    assert offers.offer(passage(), Settings()) is not None
    usual = table.family_of("THUDM/CogVideoX-5b", None)
    assert usual is not None
    assert (seen[0].parameters, seen[0].encoder_parameters) == (3.0, 2.0)
    assert seen[0].pflop_per_step == pytest.approx(usual.pflop_per_step * 3.0 / usual.parameters)


def test_a_graph_is_offered_through_comfyui_and_nobody_knows_for_how_long() -> None:
    graph = replace(passage(), stored=stored(COGVIDEOX, STEPS, has_graph=True))
    made = offers.offer(graph, Settings(models=Models(comfyui="http://127.0.0.1:8188")))
    assert made is not None
    assert (made.means, made.kind, made.minutes, made.device, made.ready) == (Means.COMFYUI, None, None, "ComfyUI", True)
    assert "as long as it took the first time" in offers.in_words(made.as_dict(), "abc-1", "a b.mp4")
