"""A road that renders every clip through ComfyUI, in the place of ``processors.road``: what finds and judges is left out."""

from __future__ import annotations

from dataclasses import replace

import faulty_road
from comfyui_server import GRAPH

from deshimmer.config.settings import Settings
from deshimmer.processors import delivery, probing, treatment
from deshimmer.processors.comfyui import user_comfyui
from deshimmer.processors.families.family import Means
from deshimmer.processors.jobs import Job
from deshimmer.processors.prompts.stored import Source, StoredPrompt
from deshimmer.processors.records import Passage, Plan, Progress, Regeneration, Route, Treatment

run_stage = faulty_road.run_stage

user_comfyui.stored_graph = lambda path, folder: GRAPH
WANTED = Regeneration(Means.COMFYUI, StoredPrompt(Source.COMFYUI, seed=42), (), "its graph is stored")


def _plan(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    plan = Plan(Route.REGENERATE, (Treatment(Route.REGENERATE, regeneration=WANTED),), True, "asked for")
    return replace(passage, diagnosis=faulty_road.DIAGNOSIS, plan=plan)


def _process(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    assert passage.clip is not None
    assert passage.treatment is not None
    job = Job(passage.clip, faulty_road.DIAGNOSIS, passage.treatment, passage.work_folder / "candidate-0", settings, progress)
    made = user_comfyui.render(job)
    return replace(passage, plan=Plan(Route.KEEP, (), False, f"Rendered: {made.frames} frames."))


STAGES = (
    faulty_road.Stage("probe", lambda passage: passage.clip is None, probing.probe_stage),
    faulty_road.Stage("route", lambda passage: passage.plan is None, _plan),
    faulty_road.Stage("process", lambda passage: passage.treatment is not None, _process, treatment.wants_gpu),
    faulty_road.Stage("deliver", lambda passage: passage.receipt is None, delivery.deliver_stage),
)


def next_stage(passage: Passage) -> faulty_road.Stage | None:
    return next((stage for stage in STAGES if stage.is_due(passage)), None) if passage.receipt is None else None
