"""Whatever lies in or beside a clip: it is bounded, cleaned, never run, and never leads out of the folder."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from promptmaker import png, video

from deshimmer.config.errors import DeshimmerError, SettingsError
from deshimmer.processors.prompts import (
    comfyui,
    exif,
    fields,
    file_names,
    finding,
    fooocus,
    infotext,
    invokeai,
    picture_texts,
    pipelines,
    readers,
    swarmui,
    untrusted,
    wan2gp,
    webui,
)
from deshimmer.processors.prompts.place import Place, Texts
from deshimmer.processors.prompts.stored import Source, StoredPrompt

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
_NAMES = st.sampled_from(
    [
        "text",
        "seed",
        "steps",
        "cfg",
        "model",
        "positive",
        "latent_image",
        "samples",
        "width",
        "length",
        "conditioning",
        "image",
        "fps",
        "lora_name",
        "denoise",
    ]
)
_KINDS = st.sampled_from(["KSampler", "CLIPTextEncode", "SaveVideo", "Reroute", "UNETLoader", "StringConcatenate", "Odd", "LoraLoader"])
_LINKS = st.tuples(st.sampled_from("12345"), st.integers(-1, 3)).map(list)
_GRAPHS = st.dictionaries(
    st.sampled_from("12345"),
    st.fixed_dictionaries({"class_type": _KINDS | _JSON, "inputs": st.dictionaries(_NAMES, _LINKS | _JSON, max_size=8) | _JSON}),
    max_size=5,
)
_PAGES = st.fixed_dictionaries(
    {
        "nodes": st.lists(
            st.fixed_dictionaries(
                {
                    "id": st.integers(0, 5) | _JSON,
                    "type": _KINDS | _JSON,
                    "mode": st.sampled_from([0, 2, 4]) | _JSON,
                    "inputs": st.lists(st.fixed_dictionaries({"name": _NAMES, "link": st.integers(0, 6) | _JSON}) | _JSON, max_size=4)
                    | _JSON,
                    "widgets_values": _JSON,
                }
            )
            | _JSON,
            max_size=5,
        ),
        "links": st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5), st.integers(0, 2)).map(list) | _JSON, max_size=6) | _JSON,
    }
)
_PLACE = Place(Path("/nowhere/clip.mp4"), Path("/nowhere"))
_TYPES: dict[str, type] = {
    "prompt": str,
    "negative_prompt": str,
    "model": str,
    "seed": int,
    "num_frames": int,
    "num_inference_steps": int,
    "guidance_scale": float,
    "width": int,
    "height": int,
    "fps": float,
}


def _is_sound(found: StoredPrompt | None) -> None:
    if found is None:
        return
    for name, kind in _TYPES.items():
        value = getattr(found, name)
        assert value is None or type(value) is kind
    for text in (found.prompt, found.negative_prompt, found.model, found.reason, *found.sources.values()):
        assert text is None or text.encode("utf-8").decode() == untrusted.clean(text)
    json.dumps(found.extra, allow_nan=False)


@given(_GRAPHS | _JSON)
def test_any_queued_graph_is_read_or_none(value: Any) -> None:
    _is_sound(comfyui.carried(Texts({"prompt": json.dumps(value)}, "tag {key}"), _PLACE))


@given(_PAGES | _JSON)
def test_any_graph_of_the_page_is_read_or_none(value: Any) -> None:
    _is_sound(comfyui.carried(Texts({"workflow": json.dumps(value)}, "tag {key}"), _PLACE))


_KEYS = st.sampled_from(
    [
        *(
            "prompt",
            "negative_prompt",
            "negativeprompt",
            "seed",
            "steps",
            "cfgscale",
            "model",
            "loras",
            "videomodel",
            "resolution",
            "base_model",
        ),
        *("type", "video_length", "model_type", "activated_loras", "positive_prompt", "metadata_scheme", "videomotionbucket", "width"),
    ]
)


@given(st.dictionaries(_KEYS, _JSON, max_size=12))
def test_any_settings_are_read_or_none(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    _is_sound(wan2gp.carried(Texts({"comment": text}, "tag {key}")))
    _is_sound(invokeai.carried(Texts({"invokeai_metadata": text}, "tag {key}")))
    _is_sound(fooocus.carried(Texts({"parameters": text, "fooocus_scheme": "fooocus"}, "tag {key}")))
    _is_sound(swarmui.carried(Texts({"parameters": json.dumps({"sui_image_params": value})}, "tag {key}")))


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["Steps: 5, ", "Seed: ", "Size: 5x", '"', "\\", "Negative prompt:", "\n", "a: b, ", "CFG scale: nan,"])).map(
        "".join
    )
)
def test_any_text_is_an_infotext_or_none(text: str) -> None:
    _is_sound(infotext.stored(Source.A1111, text, "text"))
    _is_sound(webui.carried(Texts({"parameters": text, "comment": text, "encoder": "SD.Next"}, "tag {key}")))


@given(st.text(max_size=80).filter(lambda name: "\0" not in name and "/" not in name))
def test_any_name_is_one_of_a_generator_or_none(name: str) -> None:
    _is_sound(file_names.read(Place(Path("/nowhere") / f"{name}.mp4", Path("/nowhere"))))
    pipelines.choose(name, from_image=None, loras=(), reason=None)


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda data: b"II*\0\x08\0\0\0" + data))
def test_any_bytes_are_exif_or_none(data: bytes) -> None:
    for text in exif.texts(data, frozenset(range(0x10000))).values():
        assert isinstance(text, str)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP", b"\xff\xd8", b""]), st.binary(max_size=200))
def test_any_bytes_are_a_picture_or_none(tmp_path: Path, head: bytes, data: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(head + data)
    assert all(isinstance(text, str) for text in picture_texts.read(path).values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    st.sampled_from(["json", "swarm.json", "txt", "mp4.txt", "png", "_settings.txt"]),
    st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()),
)
def test_any_bytes_beside_a_clip_are_read_or_passed_over(tmp_path: Path, suffix: str, data: bytes) -> None:
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"no video")
    beside = tmp_path / ("a" + suffix if suffix.startswith("_") else f"a.{suffix}")
    beside.write_bytes(data)
    _is_sound(finding.find(clip, tmp_path))
    beside.unlink()


def test_texts_lose_what_nobody_sees() -> None:
    assert untrusted.clean("a\x00 f\u202eo\u2066x\x1b[31m\r\n\tb\ufeff\U000e0041 \ud800") == "a fox[31m\n\tb"
    assert untrusted.clean("👩‍🚀 ภาษา नमस्ते") == "👩‍🚀 ภาษา नमस्ते"
    assert len(untrusted.clean("x" * 1_000_000)) == untrusted.MOST_PROMPT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e999}', {"a": None, "b": None, "c": None, "d": None}),
        ('{"a": ' + "9" * 5000 + "}", {"a": None}),
        ('{"a": 18446744073709551615}', {"a": 2**64 - 1}),
        ('{"a": "\\ud800x"}', {"a": "x"}),
        ("[" * 100_000, None),
        ("[" * 66 + "]" * 66, None),
        ("[" * 20 + "]" * 20, [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]),
        ('"' + "x" * (5 << 20) + '"', None),
        ("{'a': __import__('os')}", None),
        (b"\xff\xfe\x00", None),
    ],
)
def test_json_is_bounded(text: str | bytes, expected: Any) -> None:
    assert untrusted.parsed(text) == expected


@pytest.mark.parametrize(
    ("field", "given_value", "expected"),
    [
        ("seed", -1, None),
        ("seed", 2**64, None),
        ("seed", "12", 12),
        ("seed", True, None),
        ("seed", [5], None),
        ("seed", "1e5", None),
        ("num_frames", 81.0, 81),
        ("num_frames", 81.5, None),
        ("num_frames", 10**9, None),
        ("num_inference_steps", 0, None),
        ("guidance_scale", float("nan"), None),
        ("guidance_scale", float("inf"), None),
        ("guidance_scale", "7.5", 7.5),
        ("guidance_scale", {"a": 1}, None),
        ("width", 0, None),
        ("width", 10**6, None),
        ("fps", 0, None),
        ("fps", 24, 24.0),
        ("prompt", 5, None),
        ("prompt", "", ""),
        ("model", "a\nb", "a b"),
        ("model", "", None),
    ],
)
def test_a_value_that_does_not_fit_is_dropped(field: str, given_value: Any, expected: Any) -> None:
    assert fields.checked({field: given_value}) == ({} if expected is None else {field: expected})


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "a/b.json", "..\\secret.json", "", ".", "..", "a\0b", "x" * 300])
def test_a_name_that_leads_elsewhere_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.json").write_text("{}")
    clip = tmp_path / "hot" / "a.mp4"
    clip.parent.mkdir()
    assert untrusted.beside(clip, name, clip.parent) is None


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hot, outside = tmp_path / "hot", tmp_path / "outside"
    hot.mkdir()
    outside.mkdir()
    (outside / "a.txt").write_text("a secret")
    png(outside / "a.png", {"parameters": "a secret\nSteps: 5, Seed: 1, CFG scale: 7"})
    clip = video(hot / "a.mp4")
    for name in ("a.txt", "a.png"):
        (hot / name).symlink_to(outside / name)
    with caplog.at_level(logging.INFO):
        assert finding.find(clip, hot) is None
    assert "leads out of the folder" in caplog.text
    assert finding.find(clip, tmp_path) is not None


def test_the_first_frame_is_not_taken_from_elsewhere(tmp_path: Path) -> None:
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "../secret.png [input]"}},
        "2": {"class_type": "WanImageToVideo", "inputs": {"start_image": ["1", 0], "width": 832, "height": 480, "length": 81}},
        "3": {"class_type": "KSampler", "inputs": {"seed": 3, "latent_image": ["2", 2], "positive": ["2", 0]}},
    }
    hot = tmp_path / "hot"
    hot.mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    found = finding.find(video(hot / "a.mp4", {"prompt": json.dumps(graph)}), hot)
    assert found is not None
    assert found.image is None
    assert (
        found.sources["image"] == "LoadImage node 1, of the tag prompt, where it is called secret.png, which does not lie beside the clip"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_beside_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    assert finding.find(video(tmp_path / "a.mp4"), tmp_path) is None


def test_a_file_that_is_too_large_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.swarm.json").write_text(json.dumps({"sui_image_params": {"prompt": "x" * (untrusted.MOST_BYTES + 1)}}))
    assert finding.find(video(tmp_path / "a.mp4"), tmp_path) is None


def test_a_text_that_swells_is_passed_over(tmp_path: Path) -> None:
    png(tmp_path / "a.png", {"parameters": "x" * (untrusted.MOST_BYTES + 1)}, chunk="zTXt")
    assert picture_texts.read(tmp_path / "a.png") == {}


@pytest.mark.parametrize("line", [" " * 20_000, "a" * 20_000, 'a:"' * 7_000, "a: b" * 5_000, 'a:"\\' * 5_000])
def test_no_line_takes_long(line: str) -> None:
    start = time.perf_counter()
    infotext.parse(f"a fox\n{line}")
    assert time.perf_counter() - start < 1


def test_readers_have_names_of_their_own() -> None:
    assert len({reader.name for reader in readers.ALL}) == len(readers.ALL)


@pytest.mark.parametrize("reader", readers.ALL, ids=lambda reader: reader.name)
def test_each_reader_finds_nothing_where_nothing_is(tmp_path: Path, reader: readers.Reader) -> None:
    assert reader.read(Place(video(tmp_path / "a.mp4"), tmp_path)) is None


def test_an_error_of_the_first_reader_is_not_fallen_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(place: Place) -> StoredPrompt | None:
        raise SettingsError("its key is unknown", path=place.path)

    monkeypatch.setattr(readers, "ALL", (readers.Reader("broken", broken), *readers.ALL))
    (tmp_path / "a.txt").write_text("a fox")
    with pytest.raises(DeshimmerError, match="its key is unknown"):
        finding.find(video(tmp_path / "a.mp4"), tmp_path)
