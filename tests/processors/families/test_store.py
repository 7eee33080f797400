"""Which models are here, and which of them a stored name means."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_pipelines
from hub_server import COMMIT, NAME

from deshimmer.config import paths
from deshimmer.config.errors import NotSetUp
from deshimmer.config.settings import HotFolder, Models, Settings
from deshimmer.processors.families import entries, guard, model_folder, store, table
from deshimmer.processors.families.family import Kind


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipelines.build("WanPipeline", tmp_path_factory.mktemp("built"))


@pytest.fixture(autouse=True)
def _own_state(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(own_state / "hf"))


@pytest.fixture
def models(tmp_path: Path, built: Path) -> Settings:
    shutil.copytree(built, tmp_path / "models" / "Wan2.1-T2V-1.3B")
    return Settings(models=Models(folders=(tmp_path / "models",)))


def test_a_folder_of_the_settings_is_found_by_many_names(models: Settings) -> None:
    (one,) = store.installed(models)
    assert (one.name, one.whole, one.pipeline, one.kinds) == ("Wan2.1-T2V-1.3B", True, "WanPipeline", (Kind.TEXT, Kind.VIDEO))
    assert one.family is not None
    assert one.size_bytes > 100_000
    for name in ("Wan2.1-T2V-1.3B", "wan2.1-t2v-1.3b", str(one.folder), "wan2.1_t2v_1.3B_fp16.safetensors"):
        assert store.locate(name, None, models) == one.folder


@pytest.mark.parametrize("name", ["../models/Wan2.1-T2V-1.3B/..", "/etc", "a\0b", "x" * 5000, "..", "nobody/nothing"])
def test_a_name_of_nothing_here_is_refused_with_a_remedy(models: Settings, name: str) -> None:
    with pytest.raises(NotSetUp) as caught:
        store.locate(name, None, models)
    assert len(str(caught.value)) < 600


def test_a_known_model_that_is_not_here_names_the_command(own_state: Path) -> None:
    with pytest.raises(NotSetUp, match=r"^deshimmer models add THUDM/CogVideoX-5b \(about \d+ GB\)$"):
        store.locate("THUDM/CogVideoX-5b", None, Settings())


def test_a_model_below_a_hot_folder_may_be_named_by_its_path(tmp_path: Path, built: Path) -> None:
    inside, outside = tmp_path / "hot" / "wan", tmp_path / "elsewhere" / "wan"
    for folder in (inside, outside):
        shutil.copytree(built, folder)
    settings = Settings(hot_folders=(HotFolder(path=tmp_path / "hot"),))
    assert store.locate(str(inside), None, settings) == inside
    with pytest.raises(NotSetUp):
        store.locate(str(outside), None, settings)


def test_the_hubs_cache_is_read_and_revisions_told_apart(own_state: Path, built: Path) -> None:
    repository = own_state / "hf" / "hub" / "models--Wan-AI--Wan2.1-T2V-1.3B-Diffusers"
    shutil.copytree(built, repository / "snapshots" / COMMIT)
    (one,) = store.installed(Settings())
    assert (one.name, one.revision) == (NAME, COMMIT)
    assert store.locate(NAME, COMMIT, Settings()) == one.folder
    assert store.locate(NAME, "main", Settings()) == one.folder
    with pytest.raises(NotSetUp, match="not its revision ffffffffffff"):
        store.locate(NAME, "f" * 40, Settings())


def test_what_is_wrong_with_a_folder_is_said_alike_by_list_and_guard(models: Settings) -> None:
    (one,) = store.installed(models)
    weights = next((one.folder / "transformer").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    (broken,) = store.installed(models)
    assert broken.problem is not None
    assert "pickle" in broken.problem
    assert broken.kinds == ()
    with pytest.raises(NotSetUp, match="pickle"):
        store.locate("Wan2.1-T2V-1.3B", None, models)
    assert one.family is not None
    with pytest.raises(guard.RefusedModel, match="pickled"):
        guard.require_safe(one.folder, one.family, table.ADAPTERS[one.family.name])


def _index(folder: Path, **values: Any) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def _auto_map(folder: Path) -> None:
    path = folder / "transformer" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModel": "x.Y"}}))


def _no_network(folder: Path) -> None:
    for path in (folder / "vae").iterdir():
        path.unlink()


def _shards(folder: Path, words: str) -> None:
    (folder / "vae" / "diffusion_pytorch_model.safetensors.index.json").write_text(words)


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "asks for code": (_auto_map, "asks for code of its own"),
    "holds code": (lambda folder: (folder / "vae" / "x.py").write_text("1"), "it holds code"),
    "part of its own code": (lambda folder: _index(folder, vae=["mine", "AutoencoderKLWan"]), "made by code of its own"),
    "part of another family": (lambda folder: _index(folder, vae=["diffusers", "AutoencoderKL"]), "which this family has none of"),
    "part outside": (lambda folder: _index(folder, **{"../vae": ["diffusers", "AutoencoderKLWan"]}), "outside the folder"),
    "another pipeline": (lambda folder: _index(folder, _class_name="FluxPipeline"), "names the pipeline 'FluxPipeline'"),
    "checkpoint beside": (lambda folder: (folder / "x.ckpt").write_bytes(b""), "are pickled"),
    "part missing": (lambda folder: shutil.rmtree(folder / "vae"), "the folder vae is missing"),
    "part empty": (_no_network, "the folder vae has no config.json"),
    "shard missing": (lambda folder: _shards(folder, '{"weight_map": {"a": "gone.safetensors"}}'), "1 of 1 weight files are missing"),
    "shards no table": (lambda folder: _shards(folder, '{"weight_map": []}'), "names no weights"),
    "nested too deeply": (lambda folder: (folder / "model_index.json").write_text("[" * 200_000), "nested too deeply"),
    "no text": (lambda folder: (folder / "model_index.json").write_bytes(b"\xff\xfe"), "cannot be read"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_rendering_refuses_is_listed_so_and_not_entered(models: Settings, name: str) -> None:
    (one,) = store.installed(models)
    assert one.family is not None
    adapter = table.ADAPTERS[one.family.name]
    assert guard.require_safe(one.folder, one.family, adapter) == "WanPipeline"
    spoil, words = SPOILED[name]
    spoil(one.folder)
    (listed,) = store.installed(models)
    assert words in (listed.problem or "")
    assert listed.kinds == ()
    with pytest.raises(guard.RefusedModel) as refused:
        guard.require_safe(one.folder, one.family, adapter)
    assert str(listed.problem) in refused.value.message
    with pytest.raises(NotSetUp):
        store.locate("Wan2.1-T2V-1.3B", None, models)
    with pytest.raises(NotSetUp):
        entries.enter(one.folder)


@pytest.mark.parametrize("words", [b"\xff\xfe", b"relative/path", b""])
def test_an_entry_that_cannot_be_read_is_left_out_and_entered_anew(models: Settings, words: bytes) -> None:
    (one,) = store.installed(models)
    (paths.made_models_dir() / "other.link").mkdir()
    (paths.made_models_dir() / "Spoiled.link").write_bytes(words)
    assert entries.read() == []
    assert entries.enter(one.folder).folder == one.folder
    assert [entry.name for entry in entries.read()] == [one.name]


@pytest.mark.parametrize("header", [b"[]", b'{"a": 1}', b'{"a": {}}', b"nothing"])
def test_weights_that_are_none_are_said_to_be_none(models: Settings, header: bytes) -> None:
    (one,) = store.installed(models)
    assert one.family is not None
    next((one.folder / "vae").glob("*.safetensors")).write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match="is no file of safetensors"):
        model_folder.counted(one.folder, one.family)


def test_a_folder_that_lies_elsewhere_is_entered(tmp_path: Path, built: Path) -> None:
    folder = tmp_path / "far" / "Wan2.1-T2V-1.3B"
    shutil.copytree(built, folder)
    assert entries.enter(folder).folder == folder
    assert [one.folder for one in store.installed(Settings())] == [folder]
    entries.enter(folder)  # again
    other = tmp_path / "other" / "Wan2.1-T2V-1.3B"
    shutil.copytree(built, other)
    with pytest.raises(NotSetUp, match="Another folder of this name"):
        entries.enter(other)
    shutil.rmtree(folder)
    assert store.installed(Settings()) == ()
    with pytest.raises(NotSetUp, match="no model in diffusers' format"):
        entries.enter(tmp_path)


def test_parameters_are_counted_from_the_headers_of_the_weights(built: Path) -> None:
    import torch
    from diffusers import WanPipeline

    family = table.family_of(NAME, None)
    assert family is not None
    counted = model_folder.counted(built, family)
    pipe: Any = WanPipeline.from_pretrained(built, local_files_only=True, dtype=torch.float32)
    for found, part in ((counted.parameters, pipe.transformer), (counted.encoder_parameters, pipe.text_encoder)):
        assert found == pytest.approx(sum(tensor.numel() for tensor in part.parameters()) / 1e9, rel=0.02)
