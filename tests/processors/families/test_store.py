"""Which models are here, which of them a stored name means, and how one is fetched: from a stand-in of the Hub, by its real library."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny_pipelines

from deshimmer.config import paths
from deshimmer.config.errors import CannotWrite, NotSetUp, ToolFailed
from deshimmer.config.settings import HotFolder, Models, Settings
from deshimmer.processors.families import entries, fetching, guard, model_folder, store, table
from deshimmer.processors.families.family import Kind

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"


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


class _Hub(BaseHTTPRequestHandler):
    """The few endpoints that ``model_info`` and ``snapshot_download`` ask."""

    folder: Path
    asked: list[str]
    fails: set[str]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        if path == f"/api/models/{NAME}/tree/{COMMIT}":
            return self._send(self._tree(), body)
        if path.startswith("/api/models/"):
            known = path.split("/revision/")[0] == f"/api/models/{NAME}"
            return self._send(self._info() if known else b'{"error": "Repository not found"}', body, status=200 if known else 404)
        name = path.split(f"/resolve/{COMMIT}/", 1)[-1]
        file = self.folder / name
        self.asked.append(name)
        if name in self.fails or not file.is_file():
            return self._send(b"", body, status=404)
        return self._send(file.read_bytes(), body)

    def _info(self) -> bytes:
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        siblings = [{"rfilename": path.relative_to(self.folder).as_posix(), "size": path.stat().st_size} for path in files]
        return json.dumps({"id": NAME, "modelId": NAME, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}).encode()

    def _tree(self) -> bytes:
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return json.dumps(
            [{"type": "file", "path": str(path.relative_to(self.folder)), "size": path.stat().st_size, "oid": "0"} for path in files]
        ).encode()

    def _send(self, content: bytes, body: bool, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hash(content) & (2**64 - 1):x}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound" if "/api/" in self.path else "EntryNotFound")
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Hub]]:
    from huggingface_hub import constants

    source = tmp_path / "hub"
    shutil.copytree(built, source)
    (source / "transformer" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (source / "code.py").write_text("raise SystemExit")
    handler = type("Hub", (_Hub,), {"folder": source, "asked": [], "fails": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr("huggingface_hub.HfApi", partial(__import__("huggingface_hub").HfApi, endpoint=address))
    monkeypatch.setattr("huggingface_hub.snapshot_download", partial(__import__("huggingface_hub").snapshot_download, endpoint=address))
    yield handler
    server.shutdown()
    server.server_close()


ALLOWED = Settings(models=Models(allow_download=True))


def test_a_model_is_fetched_without_pickles_and_code(hub: type[_Hub]) -> None:
    told: list[str] = []
    folder = fetching.fetch(NAME, None, ALLOWED, told.append)
    assert folder == paths.models_dir() / NAME
    assert NAME in told[0]
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".py")]
    assert not any(name.endswith((".bin", ".py")) for name in hub.asked)
    (one,) = store.installed(ALLOWED)
    assert (one.name, one.revision, one.whole) == (NAME, COMMIT, True)
    assert store.locate(NAME, None, Settings()) == folder


def test_rendering_fetches_it_where_that_is_allowed_and_an_offer_does_not(hub: type[_Hub]) -> None:
    assert store.locate(NAME, None, ALLOWED, fetch=False) == paths.models_dir() / NAME
    assert hub.asked == []
    assert store.locate(NAME, None, ALLOWED).is_dir()


def test_what_breaks_off_leaves_nothing_and_goes_on(hub: type[_Hub]) -> None:
    hub.fails.add("vae/diffusion_pytorch_model.safetensors")
    with pytest.raises(ToolFailed, match="what was fetched so far stays"):
        fetching.fetch(NAME, None, ALLOWED)
    assert store.installed(ALLOWED) == ()
    hub.fails.clear()
    before = len(hub.asked)
    fetching.fetch(NAME, None, ALLOWED)
    assert len(hub.asked) > before
    assert store.installed(ALLOWED)[0].whole


def test_what_cannot_be_fetched_says_why(hub: type[_Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSetUp, match="Downloads are off"):
        fetching.fetch(NAME, None, Settings())
    with pytest.raises(ToolFailed, match="did not give nobody/nothing"):
        fetching.fetch("nobody/nothing", None, ALLOWED)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**9))
    with pytest.raises(CannotWrite, match=r"0\.0 GB are free beside disk.reserve_gb"):
        fetching.fetch(NAME, None, ALLOWED)
    assert not any((paths.models_dir()).glob("Wan*"))
    assert os.path.isdir(paths.models_dir())


def test_a_model_that_lost_a_file_is_fetched_in_its_place(hub: type[_Hub]) -> None:
    folder = fetching.fetch(NAME, None, ALLOWED)
    next((folder / "vae").glob("*.safetensors")).unlink()
    assert not store.installed(ALLOWED)[0].whole
    assert fetching.fetch(NAME, None, ALLOWED) == folder
    assert store.installed(ALLOWED)[0].whole


def test_weights_in_two_precisions_are_fetched_once(hub: type[_Hub]) -> None:
    plain = hub.folder / "vae" / "diffusion_pytorch_model.safetensors"
    shutil.copy(plain, plain.with_suffix(".fp16.safetensors"))
    folder = fetching.fetch(NAME, None, ALLOWED)
    assert [path.name for path in (folder / "vae").glob("*.safetensors")] == [plain.name]


def test_another_format_is_refused_before_anything_is_fetched(hub: type[_Hub]) -> None:
    (hub.folder / "model_index.json").unlink()
    with pytest.raises(NotSetUp, match="not in diffusers' format"):
        fetching.fetch(NAME, None, ALLOWED)
    assert hub.asked == []
