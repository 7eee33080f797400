"""How a model is fetched: from a stand-in of the Hub, by its real library."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny_pipelines
from hub_server import COMMIT, NAME, Hub

from deshimmer.config import paths
from deshimmer.config.errors import CannotWrite, NotSetUp, ToolFailed
from deshimmer.config.settings import Models, Settings
from deshimmer.processors.families import fetching, store


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipelines.build("WanPipeline", tmp_path_factory.mktemp("built"))


@pytest.fixture(autouse=True)
def _own_state(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(own_state / "hf"))


@pytest.fixture
def hub(tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    from huggingface_hub import constants

    source = tmp_path / "hub"
    shutil.copytree(built, source)
    (source / "transformer" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (source / "code.py").write_text("raise SystemExit")
    handler = type("OneHub", (Hub,), {"folder": source, "commit": COMMIT, "asked": [], "fails": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr("huggingface_hub.HfApi", partial(__import__("huggingface_hub").HfApi, endpoint=address))
    monkeypatch.setattr("huggingface_hub.snapshot_download", partial(__import__("huggingface_hub").snapshot_download, endpoint=address))
    yield handler
    server.shutdown()
    server.server_close()


ALLOWED = Settings(models=Models(allow_download=True))
VAE = "vae/diffusion_pytorch_model.safetensors"


def test_a_model_is_fetched_without_pickles_and_code(hub: type[Hub]) -> None:
    told: list[str] = []
    folder = fetching.fetch(NAME, None, ALLOWED, told.append)
    assert folder == paths.models_dir() / NAME
    assert NAME in told[0]
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".py")]
    assert not any(name.endswith((".bin", ".py")) for name in hub.asked)
    (one,) = store.installed(ALLOWED)
    assert (one.name, one.revision, one.whole) == (NAME, COMMIT, True)
    assert store.locate(NAME, None, Settings()) == folder


def test_rendering_fetches_it_where_that_is_allowed_and_an_offer_does_not(hub: type[Hub]) -> None:
    assert store.locate(NAME, None, ALLOWED, fetch=False) == paths.models_dir() / NAME
    assert hub.asked == []
    assert store.locate(NAME, None, ALLOWED).is_dir()


@pytest.mark.parametrize("pipeline", ["LTXPipeline", "StableVideoDiffusionPipeline", None], ids=["no family", "another family's", "none"])
def test_of_a_model_that_nothing_renders_with_only_the_index_is_asked_for(hub: type[Hub], pipeline: str | None) -> None:
    index = hub.folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": pipeline}))
    with pytest.raises(NotSetUp, match=r"nothing of it was fetched\. It renders with CogVideoX"):
        fetching.fetch(NAME, None, ALLOWED)
    assert hub.asked == ["model_index.json"]
    assert store.installed(ALLOWED) == ()
    assert list((paths.models_dir() / ".partial" / "Wan-AI").iterdir()) == []


def test_what_breaks_off_leaves_nothing_and_goes_on(hub: type[Hub]) -> None:
    hub.fails[VAE] = (404, "EntryNotFound")
    with pytest.raises(ToolFailed, match="What was fetched so far stays"):
        fetching.fetch(NAME, None, ALLOWED)
    assert store.installed(ALLOWED) == ()
    hub.fails.clear()
    before = len(hub.asked)
    fetching.fetch(NAME, None, ALLOWED)
    assert len(hub.asked) > before
    assert store.installed(ALLOWED)[0].whole


def test_what_cannot_be_fetched_says_why(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSetUp, match="Downloads are off"):
        fetching.fetch(NAME, None, Settings())
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**9))
    with pytest.raises(CannotWrite, match=r"0\.0 GB are free beside disk.reserve_gb"):
        fetching.fetch(NAME, None, ALLOWED)
    assert not any((paths.models_dir()).glob("Wan*"))
    assert os.path.isdir(paths.models_dir())


def test_of_a_model_that_lost_a_file_only_that_is_fetched(hub: type[Hub]) -> None:
    folder = fetching.fetch(NAME, None, ALLOWED)
    (folder / VAE).unlink()
    assert not store.installed(ALLOWED)[0].whole
    hub.asked.clear()
    assert fetching.fetch(NAME, None, ALLOWED) == folder
    assert [name for name in hub.asked if name.endswith(".safetensors")] == [VAE]
    assert store.installed(ALLOWED)[0].whole


def test_weights_that_were_spoiled_come_again(hub: type[Hub]) -> None:
    folder = fetching.fetch(NAME, None, ALLOWED)
    (folder / VAE).unlink()
    spoiled = next((folder / "transformer").glob("*.safetensors"))
    good = spoiled.read_bytes()
    spoiled.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    fetching.fetch(NAME, None, ALLOWED)
    assert spoiled.read_bytes() == good


def test_what_is_here_is_not_fetched_again_but_another_commit_is(hub: type[Hub]) -> None:
    fetching.fetch(NAME, None, ALLOWED)
    hub.asked.clear()
    told: list[str] = []
    assert fetching.fetch(NAME, None, ALLOWED, told.append).is_dir()
    assert (hub.asked, told) == ([], [f"{NAME} is here already"])
    hub.commit = "f" * 40
    fetching.fetch(NAME, None, ALLOWED)
    assert store.installed(ALLOWED)[0].revision == "f" * 40
    assert [path.suffix for path in (paths.models_dir() / ".partial").iterdir() if path.is_file()] == [".lock"]
    assert list((paths.models_dir() / ".partial" / "Wan-AI").iterdir()) == []


def test_what_broke_off_at_another_commit_is_not_mixed_in(hub: type[Hub]) -> None:
    hub.fails[VAE] = (404, "EntryNotFound")
    with pytest.raises(ToolFailed, match="did not give"):
        fetching.fetch(NAME, None, ALLOWED)
    partial = paths.models_dir() / ".partial" / NAME
    (partial / "transformer" / "old.safetensors").write_bytes(b"of the commit before")
    hub.fails.clear()
    hub.commit = "f" * 40
    folder = fetching.fetch(NAME, None, ALLOWED)
    assert not list(folder.rglob("old.safetensors"))


def test_two_fetches_of_one_model_do_not_meet(hub: type[Hub]) -> None:
    told: list[str] = []
    both = [threading.Thread(target=fetching.fetch, args=(NAME, None, ALLOWED, told.append)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert hub.asked.count(VAE) == 1
    assert [words.startswith("fetching") for words in told] == [True, False]
    assert store.installed(ALLOWED)[0].whole


def test_where_the_new_one_cannot_be_put_the_old_one_stays(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fetching.fetch(NAME, None, ALLOWED)
    hub.commit = "f" * 40
    rename = os.rename

    def in_use(source: Path, target: Path) -> None:
        if target == folder and not source.name.endswith("--old"):
            raise PermissionError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(fetching.os, "rename", in_use)
    with pytest.raises(CannotWrite, match="cannot be put in its place"):
        fetching.fetch(NAME, None, ALLOWED)
    (one,) = store.installed(ALLOWED)
    assert (one.revision, one.whole) == (COMMIT, True)


def test_a_kill_between_the_two_renames_is_mended_by_the_next_fetch(hub: type[Hub]) -> None:
    folder = fetching.fetch(NAME, None, ALLOWED)
    os.rename(folder, paths.models_dir() / ".partial" / f"{NAME}--old")
    assert store.installed(ALLOWED) == ()
    hub.asked.clear()
    assert fetching.fetch(NAME, None, ALLOWED) == folder
    assert hub.asked == []
    assert store.installed(ALLOWED)[0].whole


REFUSALS = {
    "gated": (VAE, (403, "GatedRepo"), NotSetUp, "accepted its terms.*hf auth login"),
    "private or missing": ("", (404, "RepoNotFound"), NotSetUp, "or it is private.*sign this machine in"),
    "not signed in": ("", (401, ""), NotSetUp, "or it is private.*sign this machine in"),
    "no such revision": ("", (404, "RevisionNotFound"), NotSetUp, "has no revision 'v9'"),
    "broken": ("", (500, ""), ToolFailed, "did not give.*Check the network.*stays, and goes on"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_of_the_hub_is_told_apart(hub: type[Hub], name: str) -> None:
    file, refusal, kind, words = REFUSALS[name]
    hub.fails[file] = refusal
    with pytest.raises(kind, match=words):
        fetching.fetch(NAME, "v9", ALLOWED)


def test_somebody_who_is_signed_in_is_told_of_the_account(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(NotSetUp, match="the one of this machine may not") as caught:
        fetching.fetch("nobody/nothing", None, ALLOWED)
    assert "hf_secret" not in str(caught.value)


def test_a_disk_that_fills_up_is_told_as_that(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    with pytest.raises(CannotWrite, match="The disk is full"):
        fetching.fetch(NAME, None, ALLOWED)


def test_weights_in_two_precisions_are_fetched_once(hub: type[Hub]) -> None:
    plain = hub.folder / "vae" / "diffusion_pytorch_model.safetensors"
    shutil.copy(plain, plain.with_suffix(".fp16.safetensors"))
    folder = fetching.fetch(NAME, None, ALLOWED)
    assert [path.name for path in (folder / "vae").glob("*.safetensors")] == [plain.name]


def test_another_format_is_refused_before_anything_is_fetched(hub: type[Hub]) -> None:
    (hub.folder / "model_index.json").unlink()
    with pytest.raises(NotSetUp, match="not in diffusers' format"):
        fetching.fetch(NAME, None, ALLOWED)
    assert hub.asked == []
