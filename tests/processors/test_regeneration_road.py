"""From a clip with a sidecar, through the whole road, to a receipt: real pipelines with random weights, on the CPU."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_pipelines
from clipmaker import exposure_flicker, pan, write

from deshimmer.config.settings import Disk, HotFolder, Models, Settings
from deshimmer.daemon.app import Daemon
from deshimmer.daemon.table import JobRow
from deshimmer.processors import api, media, torch_devices
from deshimmer.processors.records import Outcome, Receipt, Route

pytest.importorskip("diffusers")

SIZE = (128, 64)


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_devices, "best", lambda: "cpu")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models, each named as on the Hub."""
    root = tmp_path_factory.mktemp("models")
    tiny_pipelines.build("CogVideoXPipeline", root).rename(root / "CogVideoX-5b")
    tiny_pipelines.build("WanPipeline", root).rename(root / "Wan2.1-T2V-1.3B-Diffusers")
    return root


def clip_with_sidecar(folder: Path, frames: int, model: str, pipeline: str) -> Path:
    folder.mkdir()
    path = write(folder / "clip.mp4", exposure_flicker(pan(frames, SIZE)), fps=8)
    stored = {"schema": 1, "pipeline": pipeline, "model": model, "prompt": "a cat", "seed": 42, "num_inference_steps": 4}
    (folder / "clip.deshimmer.json").write_text(json.dumps(stored | {"num_frames": 9, "width": 64, "height": 64}))
    return path


def fixed(clip: Path, models: Path) -> Receipt:
    settings = Settings(models=Models(folders=(models,)), disk=Disk(reserve_gb=0))
    receipt = api.fix(clip, settings=settings, route="regenerate", candidates=2)
    assert receipt.error is None, receipt.error
    return receipt


@pytest.mark.parametrize(
    ("model", "pipeline", "frames", "kind", "made_of"),
    [
        ("THUDM/CogVideoX-5b", "CogVideoXPipeline", 9, "video", "CogVideoX-5b"),
        ("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "WanPipeline", 82, "text", "Wan2.1-T2V-1.3B-Diffusers"),  # more frames than it draws over
    ],
    ids=["CogVideoX", "Wan"],
)
def test_rendered_again_from_its_sidecar(
    tmp_path: Path, models: Path, one_torch_thread: None, model: str, pipeline: str, frames: int, kind: str, made_of: str
) -> None:
    receipt = fixed(clip_with_sidecar(tmp_path / "one", frames, model, pipeline), models)
    assert (receipt.outcome, receipt.route, receipt.offer) == (Outcome.REPAIRED, Route.REGENERATE, None)
    candidate = receipt.details["candidate"]
    wanted = candidate["treatment"]["regeneration"]
    assert (wanted["kind"], wanted["model"], wanted["candidates"]) == (kind, str(models / made_of), 2)
    assert receipt.output is not None
    assert media.probe(receipt.output).frames == 9
    assert sum("was kept of 2" in note for note in candidate["notes"]) == 1


def test_a_hot_folders_clip_is_rendered_again_and_the_same_seed_gives_the_same_frames(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the daemon: its queue, its worker processes and the real road."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    clip = clip_with_sidecar(tmp_path / "hot", 9, "THUDM/CogVideoX-5b", "CogVideoXPipeline")
    settings = Settings.model_validate({"intake": {"quiet_s": 0.1, "rescan_s": 1.0}, "models": {"folders": [str(models)]}})
    daemon = Daemon(settings, [HotFolder(path=tmp_path / "hot", existing="process")])
    daemon.start()
    try:
        job = ended(daemon)
        made: list[np.ndarray] = []
        for _ in range(2):
            daemon.jobs.retry(job.id, "regenerate")
            job = ended(daemon)
            receipt = json.loads((clip.parent / "deshimmered" / "clip.receipt.json").read_text())
            assert (receipt["id"], receipt["route"], receipt["outcome"]) == (job.id, "regenerate", "repaired")
            made.append(frames_of(Path(receipt["output"])))
    finally:
        daemon.stop()
    assert len(made[0]) == 9
    assert np.array_equal(made[0], made[1])


def ended(daemon: Daemon) -> JobRow:
    """The latest job, when none goes on any more."""
    deadline = time.monotonic() + 90
    while not daemon.jobs.list() or daemon.jobs.unfinished() or daemon.jobs.is_telling():
        assert time.monotonic() < deadline, [row.as_dict() for row in daemon.jobs.list()]
        time.sleep(0.05)
    return daemon.jobs.list()[0]


def frames_of(path: Path) -> np.ndarray:
    return np.stack([frame.to_ndarray(format="rgb24") for frame in media.frames(media.probe(path))])
