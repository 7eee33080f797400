"""Rendering through ComfyUI, against a stand-in that speaks its endpoints and renders real files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import comfyui_server
import pytest
from clipmaker import exposure_flicker, pan, write
from comfyui_server import FRAMES, GRAPH, SIZE, ComfyUI
from PIL import Image

from deshimmer.config.errors import CannotWrite, DeshimmerError, NotSetUp, RouteRefused, SettingsError, ToolFailed
from deshimmer.config.settings import Disk, HotFolder, Models, Settings, load_settings
from deshimmer.processors import diagnosis, media
from deshimmer.processors.comfyui import following, outputs, user_comfyui
from deshimmer.processors.comfyui import server as comfyui_server_module
from deshimmer.processors.comfyui.server import Server
from deshimmer.processors.families.family import Means
from deshimmer.processors.jobs import Job
from deshimmer.processors.prompts.stored import Source, StoredPrompt
from deshimmer.processors.records import Candidate, Change, Clip, Diagnosis, Regeneration, Route, Treatment

STEPS = Change("num_inference_steps", 20, 40, "cogvideox-steps")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, Diagnosis]:
    path = write(tmp_path_factory.mktemp("clip") / "clip_00001_.mp4", exposure_flicker(pan(FRAMES, SIZE)), fps=16)
    clip = media.probe(path)
    return clip, diagnosis.diagnose(clip, None, lambda part: None)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ComfyUI]:
    folder = tmp_path / "server"
    folder.mkdir()
    with ComfyUI(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def graph(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The clip's graph: finding it is the prompts' part."""
    stored = {key: {**node, "inputs": dict(node["inputs"])} for key, node in GRAPH.items()}
    monkeypatch.setattr(user_comfyui, "stored_graph", lambda path, folder: stored)
    monkeypatch.setattr(following, "LOOK_S", 0.1)
    monkeypatch.setattr(following, "BEAT_S", 0.02)
    return stored


class Desk:
    """A job on a server, and what its progress said."""

    def __init__(self, source: tuple[Clip, Diagnosis], server: ComfyUI, tmp_path: Path, **regeneration: Any) -> None:
        self.parts: list[float] = []
        self.on_progress = lambda part: None
        wanted = Regeneration(Means.COMFYUI, StoredPrompt(Source.COMFYUI, seed=42), (), "its graph is stored", **regeneration)
        self.folder = tmp_path / "work" / "job-1"
        self.folder.mkdir(parents=True)
        self.server = server
        self.settings = Settings(models=Models(comfyui=server.url))
        clip, found = source
        self.job = Job(
            clip, found, Treatment(Route.REGENERATE, regeneration=wanted), self.folder / "candidate-0", self.settings, self.progress
        )

    def progress(self, part: float) -> None:
        self.parts.append(part)
        self.on_progress(part)

    def having(self, **changed: Any) -> Desk:
        wanted = self.job.treatment.regeneration
        assert wanted is not None
        self.job = replace(self.job, treatment=replace(self.job.treatment, regeneration=replace(wanted, **changed)))
        return self

    def render(self) -> Candidate:
        return user_comfyui.render(self.job)

    def refused(self, kind: type[DeshimmerError]) -> str:
        with pytest.raises(kind) as raised:
            self.render()
        assert raised.value.path
        return raised.value.message


@pytest.fixture
def desk(source: tuple[Clip, Diagnosis], server: ComfyUI, tmp_path: Path) -> Desk:
    return Desk(source, server, tmp_path)


def test_the_graph_is_queued_and_its_result_becomes_the_candidate(desk: Desk) -> None:
    made = desk.having(changes=(STEPS, Change("motion_bucket_id", 127, 60, "svd-motion"))).render()
    result = media.probe(made.path)
    source = desk.job.clip
    assert (result.frames, result.frame_rate, result.duration) == (FRAMES, source.frame_rate, source.duration)
    assert (made.frames, made.path, made.encoder) == (FRAMES, desk.folder / "candidate-0.mp4", "H.264 8 bit, crf 16, slow, grain kept")
    assert "rendered by ComfyUI with seed 42, output of SaveVideo (59)" in made.notes
    assert "motion_bucket_id stays as it is: no node of the graph holds 127" in made.notes
    queued = desk.server.taken[0]
    assert (queued["3"]["inputs"]["steps"], queued["3"]["inputs"]["seed"]) == (40, 42)
    assert queued["59"]["inputs"]["filename_prefix"].startswith("deshimmer-")
    assert desk.parts == sorted(desk.parts)
    assert {0 < part < 0.85 for part in desk.parts} == {True, False}
    assert (desk.server.freed, [path.name for path in desk.folder.iterdir()]) == (1, ["candidate-0.mp4"])
    before = diagnosis.read(source, None, lambda part: None).flicker_score
    assert diagnosis.read(result, None, lambda part: None).flicker_score < before / 2


@pytest.mark.parametrize("kind", [comfyui_server.webp, comfyui_server.gif, comfyui_server.animated_png, comfyui_server.pictures])
def test_other_kinds_of_results(desk: Desk, kind: comfyui_server.Render) -> None:
    desk.server.render = kind
    result = media.probe(desk.render().path)
    assert (result.frames, result.width, result.height, result.codec) == (FRAMES, *SIZE, "h264")
    assert result.frame_rate == desk.job.clip.frame_rate


def test_the_persons_prompts_come_first_and_stay(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    desk.server.may_end.clear()
    theirs = [desk.server.add(), desk.server.add()]

    def let_go(part: float) -> None:
        if "2 prompts before" in caplog.text:
            desk.server.may_end.set()

    desk.on_progress = let_go
    desk.render()
    assert set(theirs) <= set(desk.server.history)
    assert all(desk.server.history[one]["status"]["completed"] for one in theirs)


def test_lacking_nodes_are_all_named(desk: Desk, graph: dict[str, Any]) -> None:
    desk.server.nodes -= {"UNETLoader", "SaveVideo"}
    message = desk.refused(NotSetUp)
    assert "SaveVideo, UNETLoader" in message
    assert "Install" in message


def test_lacking_models_and_inputs_are_named(desk: Desk, graph: dict[str, Any]) -> None:
    desk.server.models.clear()
    assert "UNETLoader (unet_name: 'wan2.1.safetensors' not in [])" in desk.refused(NotSetUp)
    desk.server.models.add("wan2.1.safetensors")
    graph["52"] = {"class_type": "LoadImage", "inputs": {"image": "lost.png"}}
    assert "Invalid image file: lost.png" in desk.refused(NotSetUp)


def test_the_sidecars_picture_is_uploaded_in_place_of_a_lost_one(desk: Desk, graph: dict[str, Any], tmp_path: Path) -> None:
    graph["52"] = {"class_type": "LoadImage", "inputs": {"image": "lost.png"}}
    image = tmp_path / "first.png"
    image.write_bytes(b"a picture")
    desk.having(prompt=StoredPrompt(Source.DESHIMMER, seed=42, image=image)).render()
    (name,) = desk.server.uploads
    assert (desk.server.uploads[name], desk.server.taken[0]["52"]["inputs"]["image"]) == (b"a picture", name)
    assert name.startswith("deshimmer-")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (RuntimeError("mat1 and mat2\nshapes"), "failed in KSampler: mat1 and mat2 shapes"),
        (RuntimeError("Allocation on device", "torch.OutOfMemoryError"), "out of GPU memory in KSampler"),
    ],
)
def test_errors_of_nodes_are_told(desk: Desk, raised: RuntimeError, expected: str) -> None:
    def fails(server: ComfyUI, graph: dict[str, Any]) -> Any:
        raise raised

    desk.server.render = fails
    assert expected in desk.refused(ToolFailed)


def test_a_server_that_dies_midway_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOST_S", 0.5)
    desk.server.may_end.clear()
    desk.server.on_half = desk.server.die
    assert "does not answer" in desk.refused(ToolFailed)


def test_a_prompt_that_vanished_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "GONE_S", 0.3)
    desk.server.may_start.clear()
    desk.on_progress = lambda part: desk.server.pending.clear()
    with pytest.raises(ToolFailed, match="neither in ComfyUI's queue nor in its history"):
        desk.render()


def test_a_broken_websocket_costs_nothing(desk: Desk) -> None:
    desk.server.on_half = desk.server.drop_sockets
    assert desk.render().frames == FRAMES


class Cancelled(Exception):
    pass


def cancel_when(happened: threading.Event) -> Any:
    def progress(part: float) -> None:
        if happened.is_set():
            raise Cancelled

    return progress


def test_cancelling_interrupts_our_prompt_only(desk: Desk) -> None:
    desk.server.may_end.clear()
    theirs: list[str] = []
    desk.server.on_half = lambda: theirs.append(desk.server.add())
    desk.on_progress = cancel_when(desk.server.at_half)
    with pytest.raises(Cancelled):
        desk.render()
    assert len(desk.server.interrupted) == 1
    assert desk.server.interrupted != theirs
    assert desk.server.deleted == []


def test_cancelling_while_it_waits_leaves_the_running_one_alone(desk: Desk) -> None:
    desk.server.may_end.clear()
    theirs = desk.server.add()
    desk.on_progress = cancel_when(desk.server.at_half)
    with pytest.raises(Cancelled):
        desk.render()
    assert (desk.server.interrupted, len(desk.server.deleted), desk.server.pending) == ([], 1, [])
    assert [item[1] for item in desk.server.running] == [theirs]


def test_what_a_killed_run_left_is_taken_back_first(desk: Desk) -> None:
    desk.server.may_start.clear()
    left, theirs = desk.server.add("deshimmer-job-1"), desk.server.add("deshimmer-job-2")
    desk.on_progress = lambda part: desk.server.may_start.set()
    desk.render()
    assert desk.server.deleted == [left]
    assert theirs in desk.server.history


def test_too_large_a_result_is_not_fetched(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "LARGEST_BYTES", 1000)
    with pytest.raises(ToolFailed, match="larger than"):
        desk.render()
    assert list(desk.folder.iterdir()) == []


def test_on_a_disk_without_room_nothing_is_fetched(desk: Desk) -> None:
    desk.job = replace(desk.job, settings=Settings(models=Models(comfyui=desk.server.url), disk=Disk(reserve_gb=1e9)))
    assert "GB are free, and disk.reserve_gb keeps 1e+09" in desk.refused(CannotWrite)
    assert list(desk.folder.iterdir()) == []


def test_names_of_the_server_are_no_paths_of_ours(desk: Desk, tmp_path: Path) -> None:
    def tricky(server: ComfyUI, graph: dict[str, Any]) -> Any:
        server.saved("passwd.mp4", comfyui_server.movie)
        return {"59": {"images": [{"filename": "../../../passwd.mp4", "subfolder": "../..", "type": "output"}]}}

    desk.server.render = tricky
    made = desk.render()
    assert [path.relative_to(tmp_path / "work") for path in (tmp_path / "work").rglob("*.mp4")] == [Path("job-1/candidate-0.mp4")]
    assert made.frames == FRAMES


def test_a_playlist_in_disguise_is_not_opened(desk: Desk) -> None:
    def playlist(server: ComfyUI, graph: dict[str, Any]) -> Any:
        return {"59": {"images": [server.saved("clip_1.mp4", lambda path: path.write_text("#EXTM3U\nhttp://127.0.0.1/x"))]}}

    desk.server.render = playlist
    with pytest.raises(ToolFailed, match="cannot be read"):
        desk.render()


def test_an_answer_without_end_is_not_read(server: ComfyUI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui_server_module, "LARGEST_ANSWER_BYTES", 20)
    with Server(server.url) as asked, pytest.raises(ToolFailed, match="to /queue as ComfyUI does"):
        asked.queue()


def test_pictures_have_square_pixels(source: tuple[Clip, Diagnosis], tmp_path: Path) -> None:
    """Whatever the clip that they are rendered again for has."""
    picture = tmp_path / "a.png"
    Image.new("RGB", SIZE).save(picture)
    made = outputs.opened(replace(source[0], sample_aspect=Fraction(4, 3)), (picture, picture), False)
    assert (made.clip.sample_aspect, made.count) == (1, 2)


def test_a_graph_without_a_video_is_told(desk: Desk) -> None:
    desk.server.render = lambda server, graph: {"59": {"text": ["done"]}}
    with pytest.raises(ToolFailed, match="left no video"):
        desk.render()


def test_the_best_of_several_seeds_is_kept(desk: Desk) -> None:
    def unsteady(server: ComfyUI, graph: dict[str, Any]) -> Any:
        seed = graph["3"]["inputs"]["seed"]
        shots = pan(FRAMES, SIZE) if seed == 43 else exposure_flicker(pan(FRAMES, SIZE))
        return {"59": {"images": [server.saved(f"clip_{seed}_.mp4", lambda path: write(path, shots, fps=16))]}}

    desk.server.render = unsteady
    made = desk.having(candidates=2).render()
    assert [graph["3"]["inputs"]["seed"] for graph in desk.server.taken] == [42, 43]
    assert made.notes[-1].startswith("seed 43 was kept of 2")
    assert [path.name for path in desk.folder.iterdir()] == ["candidate-0.mp4"]
    assert desk.parts == sorted(desk.parts)


def test_another_count_of_frames_is_told(desk: Desk) -> None:
    desk.server.render = lambda server, graph: {
        "59": {"images": [server.saved("clip_1_.mp4", lambda path: write(path, pan(6, SIZE), fps=24))]}
    }
    made = desk.render()
    result = media.probe(made.path)
    assert (made.frames, result.frames, result.frame_rate) == (6, 6, desk.job.clip.frame_rate)
    assert "ComfyUI made 6 frames, the clip has 10" in made.notes


def test_a_clip_without_a_graph_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_comfyui, "stored_graph", lambda path, folder: None)
    assert "no ComfyUI graph" in desk.refused(RouteRefused)


def test_another_machine_needs_to_be_allowed() -> None:
    with pytest.raises(SettingsError, match=r"models\.comfyui_remote = true"):
        load_settings(overrides=["models.comfyui=http://10.0.0.7:8188"], environment={})
    far = load_settings(overrides=["models.comfyui=https://render.example", "models.comfyui_remote=true"], environment={})
    assert not user_comfyui.is_on_this_machine(far)
    with pytest.raises(SettingsError, match="give the address"):
        load_settings(overrides=["models.comfyui=file:///etc", "models.comfyui_remote=true"], environment={})


def test_probe(server: ComfyUI) -> None:
    found = user_comfyui.probe(Settings(models=Models(comfyui=server.url)))
    assert (found.ok, found.version, found.detail) == (True, "0.3.76", f"ComfyUI 0.3.76 at {server.url}, 0 in its queue")
    absent = user_comfyui.probe(Settings())
    assert (absent.ok, absent.remedy) == (False, "Set models.comfyui to the address of your ComfyUI, as http://127.0.0.1:8188.")
    lost = user_comfyui.probe(Settings(models=Models(comfyui="http://127.0.0.1:1")))
    assert (lost.ok, "Start it" in (lost.remedy or "")) == (False, True)


def test_of_nested_hot_folders_a_clip_lies_in_the_deepest(tmp_path: Path) -> None:
    inner, clip = tmp_path / "renders" / "film", tmp_path / "renders" / "film" / "shot" / "a.mp4"
    for order in ((tmp_path / "renders", inner), (inner, tmp_path / "renders")):
        settings = Settings(hot_folders=tuple(HotFolder(path=each) for each in order))
        assert user_comfyui.hot_folder(clip, settings) == inner
        assert user_comfyui.hot_folder(tmp_path / "renders" / "b.mp4", settings) == tmp_path / "renders"
        assert user_comfyui.hot_folder(tmp_path / "c.mp4", settings) == tmp_path
