"""Our sidecar: what it takes, what it refuses with key and file, and that docs and schema are the model's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deshimmer.config.errors import SidecarError
from deshimmer.processors.prompts import sidecar
from deshimmer.processors.prompts.stored import Source

DOCS = Path(__file__).resolve().parents[3] / "docs"
EXAMPLES = re.findall(r"```json\n(.+?)```", (DOCS / "sidecar.md").read_text(encoding="utf-8"), re.DOTALL)
FULL = {
    "schema": 1,
    "pipeline": "CogVideoXImageToVideoPipeline",
    "model": "THUDM/CogVideoX-5b-I2V",
    "revision": "main",
    "prompt": "a fox, <b>in</b> snow\n\u65e5\u672c",
    "negative_prompt": "",
    "seed": 2**64 - 1,
    "num_frames": 49,
    "width": 720,
    "height": 480,
    "fps": 8,
    "guidance_scale": 6,
    "num_inference_steps": 50,
    "image": "frames/first.png",
    "extra": {"use_dynamic_cfg": True, "eta": 0.5, "max_sequence_length": 226, "note": "x"},
}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    (tmp_path / "hot" / "frames").mkdir(parents=True)
    (tmp_path / "hot" / "frames" / "first.png").write_bytes(b"picture")
    return tmp_path / "hot" / "clip.mp4"


def put(clip: Path, content: Any) -> Path:
    file = sidecar.beside(clip)
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return file


def test_every_field_comes_back_with_where_it_was(clip: Path) -> None:
    file = put(clip, FULL)
    found = sidecar.read(clip, clip.parent)
    assert found is not None
    assert found.source is Source.DESHIMMER
    assert {name: getattr(found, name) for name in sidecar.FIELDS if name != "image"} == {
        name: FULL[name] for name in sidecar.FIELDS if name != "image"
    }
    assert found.image == clip.parent / "frames/first.png"
    assert found.extra == FULL["extra"]
    assert set(found.sources) == {*sidecar.FIELDS, "use_dynamic_cfg", "eta", "max_sequence_length", "note"}
    assert found.sources["seed"] == f"seed in {file.name}"
    assert found.reason is None


def test_no_sidecar_is_no_prompt_and_null_is_unknown(clip: Path) -> None:
    assert sidecar.read(clip, clip.parent) is None
    put(clip, b"\xef\xbb\xbf" + json.dumps({"schema": 1, "seed": None, "fps": None}).encode())
    found = sidecar.read(clip, clip.parent)
    assert found is not None
    assert (found.seed, found.sources, found.reason) == (None, {}, "clip.deshimmer.json names no pipeline")


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ({}, "'schema' is missing"),
        ({"schema": 2}, "'schema'"),
        ({"schema": True}, "'schema'"),
        ({"schema": 1, "sed": 42}, "'sed' is no key"),
        ({"schema": 1, "version": 1}, "'version' is no key"),
        ({"schema": 1, "seed": "42"}, "'seed'"),
        ({"schema": 1, "seed": 42.0}, "'seed'"),
        ({"schema": 1, "seed": True}, "'seed'"),
        ({"schema": 1, "seed": -1}, "'seed'"),
        ({"schema": 1, "seed": 2**64}, "'seed'"),
        ({"schema": 1, "num_frames": 0}, "'num_frames'"),
        ({"schema": 1, "width": 1 << 20}, "'width'"),
        ({"schema": 1, "fps": 0}, "'fps'"),
        (b'{"schema": 1, "guidance_scale": NaN}', "'guidance_scale'"),
        (b'{"schema": 1, "guidance_scale": 1e999}', "'guidance_scale'"),
        ({"schema": 1, "prompt": "x" * 20_001}, "'prompt'"),
        ({"schema": 1, "prompt": ["x"]}, "'prompt'"),
        ({"schema": 1, "pipeline": "os.system"}, "'pipeline'"),
        ({"schema": 1, "model": ""}, "'model'"),
        ({"schema": 1, "extra": {"sigmas": [1, 2]}}, "'extra.sigmas'"),
        ({"schema": 1, "extra": {"a": {"b": 1}}}, "'extra.a'"),
        ({"schema": 1, "extra": {"a b": 1}}, "'extra.a b'"),
        ({"schema": 1, "extra": {"seed": 1}}, "'seed' has a key of its own"),
        ({"schema": 1, "extra": {f"k{n}": n for n in range(201)}}, "'extra'"),
        ({"schema": 1, "image": "../first.png"}, "'image'"),
        ({"schema": 1, "image": "/etc/hostname"}, "'image'"),
        ({"schema": 1, "image": "~/first.png"}, "'image'"),
        ({"schema": 1, "image": "C:\\first.png"}, "'image'"),
        ({"schema": 1, "image": "\\\\server\\first.png"}, "'image'"),
        ({"schema": 1, "image": "frames\\..\\..\\first.png"}, "'image'"),
        ([], "no object"),
        (b"", "not valid JSON"),
        (b"\xff\xfe{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"schema": 1, "prompt": "\\ud800"}', "not valid JSON"),
        (b" " * (sidecar.MOST_BYTES + 1), "larger than 256 kB"),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_key_and_file(clip: Path, content: Any, key: str) -> None:
    file = put(clip, content)
    with pytest.raises(SidecarError) as raised:
        sidecar.read(clip, clip.parent)
    assert key in raised.value.message
    assert raised.value.path == str(file)


def test_links_do_not_lead_out_of_the_folder(clip: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"schema": 1}')
    sidecar.beside(clip).symlink_to(outside)
    with pytest.raises(SidecarError, match="leads out of the folder"):
        sidecar.read(clip, clip.parent)
    sidecar.beside(clip).unlink()
    (clip.parent / "link.png").symlink_to(outside)
    put(clip, {"schema": 1, "image": "link.png"})
    with pytest.raises(SidecarError, match="'image' leads out"):
        sidecar.read(clip, tmp_path)


def test_an_image_that_is_gone_is_told_as_missing(clip: Path) -> None:
    put(clip, {"schema": 1, "image": "gone.png"})
    found = sidecar.read(clip, clip.parent)
    assert found is not None
    assert found.image is None
    assert found.sources["image"] == "named in clip.deshimmer.json, but not there"


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5).map(repr).map(str.encode)
)
def test_garbage_is_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(SidecarError):
        sidecar.parsed(data, Path("clip.deshimmer.json"))


def test_what_is_written_is_read_again(clip: Path) -> None:
    made = sidecar.parsed(json.dumps(FULL).encode(), clip)
    assert sidecar.parsed(sidecar.as_bytes(made), clip) == made
    assert json.loads(sidecar.as_bytes(sidecar.parsed(b'{"schema": 1}', clip))) == {"schema": 1}


def test_the_schema_in_the_docs_is_what_the_model_makes() -> None:
    kept = json.loads((DOCS / "sidecar.schema.json").read_text(encoding="utf-8"))
    assert kept == sidecar.schema()
    jsonschema.Draft202012Validator.check_schema(kept)


def test_the_examples_in_the_docs_fit_schema_and_reader(clip: Path) -> None:
    schema = jsonschema.Draft202012Validator(sidecar.schema())
    assert len(EXAMPLES) == 2
    for example in (*EXAMPLES, json.dumps(FULL)):
        schema.validate(json.loads(example))
        sidecar.parsed(example.encode(), clip)
    for wrong in ({}, {"schema": 1, "sed": 1}, {"schema": 1, "seed": "1"}, {"schema": 1, "extra": {"a": [1]}}):
        assert not schema.is_valid(wrong)


def test_the_docs_name_every_key() -> None:
    page = (DOCS / "sidecar.md").read_text(encoding="utf-8")
    assert {key for key in sidecar.KEYS if f"`{key}`" not in page} == set()
