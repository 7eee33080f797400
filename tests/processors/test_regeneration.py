"""Clips are rendered again by tiny pipelines with random weights, on the CPU."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_pipelines
from clipmaker import exposure_flicker, pan, write

from deshimmer.config.errors import DeshimmerError, NotSetUp, RouteRefused
from deshimmer.config.settings import Settings
from deshimmer.processors import diagnosis, media, regeneration, rendering, torch_devices, treatment
from deshimmer.processors.families import ladder, pipelines
from deshimmer.processors.families.family import Kind, Means
from deshimmer.processors.jobs import Job
from deshimmer.processors.prompts.stored import Source, StoredPrompt
from deshimmer.processors.records import Candidate, Regeneration, Route, Treatment

pytest.importorskip("diffusers")

KINDS = [
    ("CogVideoXPipeline", Kind.TEXT, 9),
    ("CogVideoXPipeline", Kind.VIDEO, 9),
    ("CogVideoXImageToVideoPipeline", Kind.IMAGE, 9),
    ("StableVideoDiffusionPipeline", Kind.IMAGE, 9),
    ("WanPipeline", Kind.TEXT, 9),
    ("WanPipeline", Kind.VIDEO, 9),
    ("WanImageToVideoPipeline", Kind.IMAGE, 9),
    ("MochiPipeline", Kind.TEXT, 7),
]


class Cancelled(Exception):
    pass


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_devices, "best", lambda: "cpu")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: tiny_pipelines.build(name, folder) for name in tiny_pipelines.FOLDERS}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("clip")
    clip = media.probe(write(folder / "clip.mp4", exposure_flicker(pan(9, (128, 64))), fps=8))
    found = diagnosis.diagnose(clip, None, lambda part: None)
    return Job(clip, found, Treatment(Route.REGENERATE), folder / "candidate", Settings(), lambda part: None)


def asked(job: Job, out: Path, model: Path, kind: Kind, frames: int | None = 9, candidates: int = 1, **more: Any) -> Job:
    prompt = StoredPrompt(
        Source.DESHIMMER, prompt="a cat", seed=7, num_frames=frames, num_inference_steps=3, width=64, height=64, extra=more.pop("extra", {})
    )
    wanted = Regeneration(Means.DIFFUSERS, replace(prompt, **more), (), "", kind, model, 0.7 if kind is Kind.VIDEO else None, candidates)
    return replace(job, treatment=replace(job.treatment, regeneration=wanted), output_stem=out / "candidate")


def pictures(candidate: Candidate) -> np.ndarray:
    return np.stack([frame.to_ndarray(format="rgb24") for frame in media.frames(media.probe(candidate.path))])


@pytest.mark.parametrize(("name", "kind", "frames"), KINDS, ids=lambda value: str(value))
def test_each_family_renders_each_of_its_kinds(
    job: Job, folders: dict[str, Path], tmp_path: Path, name: str, kind: Kind, frames: int
) -> None:
    parts: list[float] = []
    candidate = treatment.make(replace(asked(job, tmp_path, folders[name], kind, frames), progress=parts.append))
    result = media.probe(candidate.path)
    assert (candidate.frames, result.frames, result.width, result.height) == (frames, frames, 128, 64)
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    assert any("seed 7" in note for note in candidate.notes)
    assert any("scaled to 128x64" in note for note in candidate.notes)
    if kind is Kind.VIDEO:
        assert result.duration == job.clip.duration


def test_the_same_seed_gives_the_same_frames_and_another_gives_others(job: Job, folders: dict[str, Path], tmp_path: Path) -> None:
    wan = folders["WanPipeline"]
    made = [pictures(treatment.make(asked(job, tmp_path, wan, Kind.TEXT, seed=seed))) for seed in (7, 7, 8)]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_the_stored_shift_is_the_schedulers_for_this_clip_alone(job: Job, folders: dict[str, Path], tmp_path: Path) -> None:
    wan = folders["WanPipeline"]
    made = {
        shift: pictures(treatment.make(asked(job, tmp_path, wan, Kind.TEXT, extra={} if shift is None else {"flow_shift": shift})))
        for shift in (None, 3.0, 8, "no number")
    }
    assert np.array_equal(made[None], made[3.0])  # the folder's own
    assert not np.array_equal(made[None], made[8])
    assert np.array_equal(made[None], made["no number"])


@pytest.mark.parametrize("name", ["StableVideoDiffusionPipeline", "WanPipeline"])
def test_cancelling_stops_within_a_step(job: Job, folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    calls: list[float] = []

    def progress(part: float) -> None:
        calls.append(part)
        if part > 0.25:
            raise Cancelled

    kind = Kind.IMAGE if name.startswith("Stable") else Kind.TEXT
    with pytest.raises(Cancelled):
        treatment.make(replace(asked(job, tmp_path, folders[name], kind), progress=progress))
    assert len({part for part in calls if part > 0}) == 1
    assert len(calls) > 3  # also before each block
    assert list(tmp_path.iterdir()) == []


def test_the_best_of_several_seeds_is_kept(job: Job, folders: dict[str, Path], tmp_path: Path) -> None:
    candidate = treatment.make(asked(job, tmp_path, folders["WanPipeline"], Kind.VIDEO, candidates=3))
    (told,) = [note for note in candidate.notes if "flicker by seed" in note]
    scores = {int(seed): float(score) for seed, score in re.findall(r"(\d+): ([\d.]+)", told)}
    assert list(scores) == [7, 8, 9]
    assert candidate.treatment.regeneration is not None
    kept = candidate.treatment.regeneration.prompt.seed
    assert kept is not None
    assert scores[kept] == min(scores.values())
    assert told.startswith(f"seed {kept} was kept of 3")
    assert [path.name for path in tmp_path.iterdir()] == [candidate.path.name]


@pytest.mark.parametrize("error", [MemoryError("out of memory"), RuntimeError("stop"), KeyError("x"), KeyboardInterrupt()], ids=repr)
def test_what_progress_raises_passes_untouched(job: Job, folders: dict[str, Path], tmp_path: Path, error: BaseException) -> None:
    calls: list[float] = []

    def progress(part: float) -> None:
        calls.append(part)
        if part > 0:
            raise error

    with pytest.raises(type(error)) as caught:
        treatment.make(replace(asked(job, tmp_path, folders["WanPipeline"], Kind.TEXT), progress=progress))
    assert caught.value is error
    assert len([part for part in calls if part > 0]) == 1  # nothing was tried again


@pytest.mark.parametrize(("after", "before"), [(0.45, 0.475), (0.475, 0.5)], ids=["encoding", "measuring"])
def test_it_can_be_cancelled_while_it_encodes_and_measures(
    job: Job, folders: dict[str, Path], tmp_path: Path, after: float, before: float
) -> None:
    """Of two candidates the first has the first half: nine tenths of it rendering, a twentieth encoding."""
    reached: list[float] = []

    def progress(part: float) -> None:
        if after < part:
            reached.append(part)
            raise Cancelled

    with pytest.raises(Cancelled):
        treatment.make(replace(asked(job, tmp_path, folders["WanPipeline"], Kind.TEXT, candidates=2), progress=progress))
    assert after < reached[0] <= before


def test_out_of_memory_goes_one_rung_down_and_says_so(
    job: Job, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    real, rungs, tries = rendering.run, ladder.rungs, list[int]()

    def run(*asked: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(*asked)

    monkeypatch.setattr(rendering, "run", run)
    monkeypatch.setattr(ladder, "rungs", lambda *asked, **more: (replace(rungs(*asked, **more)[0], tiled=False), *rungs(*asked, **more)))
    candidate = treatment.make(asked(job, tmp_path, folders["WanPipeline"], Kind.TEXT))
    assert "memory did not suffice (on the CPU): going on in less (on the CPU, pictures decoded in parts)" in candidate.notes
    assert len(tries) == 2


def test_only_plain_known_keywords_of_the_prompt_reach_the_pipeline(job: Job, folders: dict[str, Path], tmp_path: Path) -> None:
    extra = {"max_sequence_length": 32, "eta": "1", "num_videos_per_prompt": 8, "callback_on_step_end": "x", "noise_aug_strength": 0.02}
    mine = asked(job, tmp_path, folders["CogVideoXPipeline"], Kind.TEXT, extra=extra)
    wanted = mine.treatment.regeneration
    assert wanted is not None
    family = pipelines_family("cogvideox-5b")
    pipe = pipelines.load(folders["CogVideoXPipeline"], family, adapter(family), Kind.TEXT, "cpu", {})
    keywords = rendering._keywords(pipe, rendering.Ask.of(job.clip, wanted, family), adapter(family))  # pyright: ignore[reportPrivateUsage]
    assert keywords["max_sequence_length"] == 32
    assert not {"eta", "num_videos_per_prompt", "callback_on_step_end", "noise_aug_strength"} & set(keywords)


def test_pickles_code_and_foreign_parts_are_refused_before_loading(
    job: Job, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, "_from_folder", lambda *asked: pytest.fail("it was loaded"))

    def pickled(folder: Path) -> None:
        weights = next((folder / "vae").glob("*.safetensors"))
        weights.rename(weights.with_suffix(".bin"))

    def coded(folder: Path) -> None:
        (folder / "pipeline.py").write_text("raise SystemExit")

    def mapped(folder: Path) -> None:
        changed(folder / "text_encoder" / "config.json", "auto_map", {"AutoModel": "evil.Model"})

    def foreign(folder: Path) -> None:
        changed(folder / "model_index.json", "vae", ["evil", "Model"])

    def other(folder: Path) -> None:
        changed(folder / "model_index.json", "_class_name", "FluxPipeline")

    for word, spoil in {"pickled": pickled, "code": coded, "auto_map": mapped, "evil": foreign, "FluxPipeline": other}.items():
        model = tmp_path / word / "wan2.1-t2v-1.3b"
        shutil.copytree(folders["WanPipeline"], model)
        spoil(model)
        with pytest.raises(DeshimmerError, match=word):
            treatment.make(asked(job, tmp_path, model, Kind.TEXT))


def test_longer_clips_than_the_model_renders_are_refused(job: Job, folders: dict[str, Path], tmp_path: Path) -> None:
    long = replace(job, clip=replace(job.clip, frames=50))
    with pytest.raises(RouteRefused, match="49"):
        treatment.make(asked(long, tmp_path, folders["CogVideoXPipeline"], Kind.VIDEO))


def test_without_torch_it_says_what_to_install(job: Job, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(NotSetUp, match="pip install"):
        regeneration.regenerate(asked(job, tmp_path, folders["WanPipeline"], Kind.TEXT))


def changed(path: Path, key: str, value: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))


def pipelines_family(name: str) -> Any:
    from deshimmer.processors.families import table

    return table.family_of(name, None)


def adapter(family: Any) -> Any:
    from deshimmer.processors.families import table

    return table.ADAPTERS[family.name]
