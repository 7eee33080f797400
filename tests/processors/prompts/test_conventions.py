"""Each convention without a real sample here, on a file made in its documented form; and which of several counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from promptmaker import encoded_by, exif_picture, png, video, with_box

from deshimmer.config.errors import MissingClip
from deshimmer.processors.prompts import finding
from deshimmer.processors.prompts.stored import Source, StoredPrompt

_INFOTEXT = (
    "a castle on a hill,\nat dusk\nNegative prompt: people,\ncars\n"
    "Steps: 25, Sampler: Euler a, CFG scale: 7.5, Seed: 1234567890, Size: 512x768, Model hash: 879db523c3, Model: dreamshaper_8, Version: v1.9.3"
)
_MOTION = _INFOTEXT + ', AnimateDiff: "enable: True, model: mm_sd15_v3.safetensors, video_length: 16, fps: 8, loop_number: 0"'
_GRAPH: dict[str, Any] = {
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan2.1_t2v_1.3B_fp16.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red kite", "clip": ["9", 0]}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["9", 0]}},
    "4": {"class_type": "EmptyHunyuanLatentVideo", "inputs": {"width": 832, "height": 480, "length": 81, "batch_size": 1}},
    "5": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 7,
            "steps": 30,
            "cfg": 6.0,
            "denoise": 1.0,
            "model": ["1", 0],
            "positive": ["2", 0],
            "negative": ["3", 0],
            "latent_image": ["4", 0],
        },
    },
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0]}},
    "7": {"class_type": "VHS_VideoCombine", "inputs": {"frame_rate": 16, "filename_prefix": "kite", "images": ["6", 0]}},
    "9": {"class_type": "CLIPLoader", "inputs": {"clip_name": "umt5"}},
}
_KITE = {"prompt": "a red kite", "negative_prompt": "blurry", "seed": 7, "num_frames": 81, "num_inference_steps": 30, "fps": 16.0}
_CASTLE = {
    "prompt": "a castle on a hill,\nat dusk",
    "negative_prompt": "people,\ncars",
    "seed": 1234567890,
    "num_inference_steps": 25,
    "guidance_scale": 7.5,
    "width": 512,
    "height": 768,
    "model": "dreamshaper_8",
}
_SWARM = {
    "sui_image_params": {
        "prompt": "a fjord",
        "negativeprompt": "text",
        "model": "Wan/wan2.1_t2v_1.3B.safetensors",
        "seed": 528021513,
        "steps": 25,
        "cfgscale": 6.5,
        "width": 832,
        "height": 480,
        "text2videoframes": 49,
        "text2videofps": 16,
    }
}
_FJORD = {
    "prompt": "a fjord",
    "negative_prompt": "text",
    "seed": 528021513,
    "num_inference_steps": 25,
    "guidance_scale": 6.5,
    "num_frames": 49,
    "fps": 16.0,
    "pipeline": "WanPipeline",
}
_INVOKE = {
    "positive_prompt": "a lighthouse",
    "negative_prompt": "fog",
    "seed": 99,
    "steps": 20,
    "cfg_scale": 5.0,
    "width": 640,
    "height": 384,
    "model": {"name": "sdxl-base", "base": "sdxl"},
    "loras": [{"model": {"name": "ink"}, "weight": 0.7}],
}
_FOOOCUS = {
    "prompt": "a red car",
    "negative_prompt": "rust",
    "steps": 30,
    "resolution": "(1152, 896)",
    "guidance_scale": 4.0,
    "base_model": "juggernautXL_v8Rundiffusion.safetensors",
    "seed": "314159",
    "metadata_scheme": "fooocus",
    "version": "Fooocus v2.5.0",
}
_CAR = {
    "prompt": "a red car",
    "negative_prompt": "rust",
    "seed": 314159,
    "num_inference_steps": 30,
    "guidance_scale": 4.0,
    "width": 1152,
    "height": 896,
}
_WANGP = {
    "prompt": "a whale",
    "negative_prompt": "",
    "resolution": "832x480",
    "video_length": 81,
    "seed": 11,
    "num_inference_steps": 30,
    "guidance_scale": 5,
    "activated_loras": [],
    "model_type": "t2v_1.3B",
    "type": "WanGP v8.1 by DeepBeepMeep - Wan2.1 Text2video 1.3B",
}
_WHALE = {
    "prompt": "a whale",
    "negative_prompt": "",
    "seed": 11,
    "num_frames": 81,
    "num_inference_steps": 30,
    "guidance_scale": 5.0,
    "width": 832,
    "height": 480,
    "model": "Wan2.1 t2v 1.3B",
    "pipeline": "WanPipeline",
}
_FRAMEPACK = {
    "prompt": "[0s: she waves]",
    "negative_prompt": "",
    "seed": 2500,
    "steps": 25,
    "cfg": 1.0,
    "gs": 10.0,
    "rs": 0.0,
    "latent_window_size": 9,
    "total_second_length": 6,
    "model_type": "F1",
    "resolutionW": 640,
    "resolutionH": 608,
    "loras": {},
}
_MOCHI = {
    "height": 480,
    "width": 848,
    "num_frames": 163,
    "sigma_schedule": [1.0, 0.5, 0.0],
    "cfg_schedule": [4.5, 4.5],
    "num_inference_steps": 64,
    "prompt": "a yellow lemon",
    "negative_prompt": "",
    "seed": 1710977262,
}
_LEMON = {
    "prompt": "a yellow lemon",
    "negative_prompt": "",
    "seed": 1710977262,
    "num_frames": 163,
    "num_inference_steps": 64,
    "guidance_scale": 4.5,
    "width": 848,
    "height": 480,
    "pipeline": "MochiPipeline",
}

_Make = Callable[[Path], Path]


def _tagged(name: str, **tags: str) -> _Make:
    return lambda folder: video(folder / name, tags)


def _beside(clip: str, file_name: str, content: Any) -> _Make:
    def make(folder: Path) -> Path:
        (folder / file_name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return video(folder / clip)

    return make


def _with_picture(clip: str, picture: str, texts: dict[str, str], chunk: str = "tEXt") -> _Make:
    def make(folder: Path) -> Path:
        png(folder / picture, texts, chunk=chunk)
        return video(folder / clip)

    return make


def _with_exif(picture: str, comment: bytes, maker: bytes | None = None) -> _Make:
    def make(folder: Path) -> Path:
        exif_picture(folder / picture, {}, comment, maker)
        return video(folder / f"{Path(picture).stem}.mp4")

    return make


def _animated_webp(folder: Path) -> Path:
    frames = [Image.new("RGB", (32, 32), color) for color in ("black", "white")]
    exif = Image.Exif()
    exif[0x0110], exif[0x010F] = f"prompt:{json.dumps(_GRAPH)}", "workflow:{}"
    frames[0].save(folder / "kite.webp", save_all=True, append_images=frames[1:], exif=exif)
    return folder / "kite.webp"


def _frames_of_animatediff(folder: Path) -> Path:
    (folder / "frames").mkdir()
    for at in range(3):
        png(folder / "frames" / f"{at:05}.png", {"parameters": _MOTION})
    return folder / "frames"


def _sdnext(folder: Path) -> Path:
    return encoded_by(video(folder / "sd.mp4", {"title": "castle", "comment": _INFOTEXT, "description": "castle"}), b"SD.Next")


def _wflo(folder: Path) -> Path:
    page = {
        "nodes": [
            {
                "id": 5,
                "type": "KSampler",
                "inputs": [{"name": "positive", "link": 1}],
                "widgets_values": [7, "fixed", 30, 6.0, "euler", "simple", 1.0],
            },
            {"id": 2, "type": "CLIPTextEncode", "inputs": [{"name": "clip", "link": None}], "widgets_values": ["a red kite"]},
        ],
        "links": [[1, 2, 0, 5, 0, "CONDITIONING"]],
    }
    return with_box(video(folder / "exported.mp4"), json.dumps(page).encode())


CONVENTIONS: dict[str, tuple[_Make, Source, dict[str, Any], str]] = {
    "ComfyUI, tag of mp4": (_tagged("kite.mp4", prompt=json.dumps(_GRAPH)), Source.VHS, _KITE, "CLIPTextEncode node 2, of the tag prompt"),
    "ComfyUI, tag of webm": (
        _tagged("kite.webm", PROMPT=json.dumps(_GRAPH)),
        Source.VHS,
        _KITE,
        "CLIPTextEncode node 2, of the tag prompt",
    ),
    "ComfyUI, tag of mkv": (_tagged("kite.mkv", prompt=json.dumps(_GRAPH)), Source.VHS, _KITE, "CLIPTextEncode node 2, of the tag prompt"),
    "ComfyUI, EXIF of animated WebP": (_animated_webp, Source.VHS, _KITE, "CLIPTextEncode node 2, of the text prompt"),
    "ComfyUI, box wflo": (
        _wflo,
        Source.COMFYUI,
        {"prompt": "a red kite", "seed": 7, "has_graph": False},
        "CLIPTextEncode node 2, of the tag workflow",
    ),
    "VideoHelperSuite, comment": (
        _tagged("kite.mp4", comment=json.dumps({"prompt": json.dumps(_GRAPH), "workflow": {"nodes": []}})),
        Source.VHS,
        _KITE,
        "CLIPTextEncode node 2, of the prompt in the tag comment",
    ),
    "VideoHelperSuite, first frame": (
        _with_picture("kite_00001.mp4", "kite_00001.png", {"prompt": json.dumps(_GRAPH), "CreationTime": "2026-01-12 10:00:00"}),
        Source.VHS,
        _KITE,
        "CLIPTextEncode node 2, of the text prompt of kite_00001.png",
    ),
    "VideoHelperSuite, first frame of a clip with sound": (
        _with_picture("kite_00001-audio.mp4", "kite_00001.png", {"prompt": json.dumps(_GRAPH)}),
        Source.VHS,
        _KITE,
        "CLIPTextEncode node 2, of the text prompt of kite_00001.png",
    ),
    "A1111, PNG": (_with_picture("a.mp4", "a.png", {"parameters": _INFOTEXT}), Source.A1111, _CASTLE, "text parameters of a.png"),
    "A1111, PNG with zTXt": (
        _with_picture("a.mp4", "a.png", {"parameters": _INFOTEXT}, "zTXt"),
        Source.A1111,
        _CASTLE,
        "text parameters of a.png",
    ),
    "A1111, PNG with iTXt": (
        _with_picture("a.mp4", "a.png", {"parameters": _INFOTEXT}, "iTXt"),
        Source.A1111,
        _CASTLE,
        "text parameters of a.png",
    ),
    "A1111, JPEG": (_with_exif("a.jpg", b"UNICODE\0" + _INFOTEXT.encode("utf-16-be")), Source.A1111, _CASTLE, "text parameters of a.jpg"),
    "A1111, WebP": (_with_exif("a.webp", b"UNICODE\0" + _INFOTEXT.encode("utf-16-le")), Source.A1111, _CASTLE, "text parameters of a.webp"),
    "AnimateDiff, tag": (_tagged("a.mp4", comment=_MOTION), Source.ANIMATEDIFF, _CASTLE | {"num_frames": 16, "fps": 8.0}, "tag comment"),
    "AnimateDiff, text": (_beside("a.mp4", "a.txt", _MOTION), Source.ANIMATEDIFF, _CASTLE | {"num_frames": 16}, "file a.txt"),
    "AnimateDiff, frames": (_frames_of_animatediff, Source.ANIMATEDIFF, _CASTLE, "text parameters of the first frame"),
    "SD.Next, tags": (_sdnext, Source.SDNEXT, _CASTLE, "tag comment"),
    "SD.Next, comment alone": (_tagged("a.mkv", comment=_INFOTEXT + ", App: SD.Next"), Source.SDNEXT, _CASTLE, "tag comment"),
    "SD.Next, text": (_beside("a.mp4", "a.mp4.txt", _INFOTEXT), Source.SDNEXT, _CASTLE, "file a.mp4.txt"),
    "SwarmUI, file": (_beside("a.mp4", "a.swarm.json", _SWARM), Source.SWARMUI, _FJORD, "file a.swarm.json"),
    "SwarmUI, PNG": (
        _with_picture("a.mp4", "a.png", {"parameters": json.dumps(_SWARM)}),
        Source.SWARMUI,
        _FJORD,
        "text parameters of a.png",
    ),
    "InvokeAI, PNG": (
        _with_picture("a.mp4", "a.png", {"invokeai_metadata": json.dumps(_INVOKE)}),
        Source.INVOKEAI,
        {"prompt": "a lighthouse", "negative_prompt": "fog", "seed": 99, "guidance_scale": 5.0, "model": "sdxl-base", "pipeline": None},
        "text invokeai_metadata of a.png",
    ),
    "InvokeAI, tag": (
        _tagged("a.mp4", invokeai_metadata=json.dumps(_INVOKE)),
        Source.INVOKEAI,
        {"seed": 99, "width": 640},
        "tag invokeai_metadata",
    ),
    "Fooocus, PNG": (
        _with_picture("a.mp4", "a.png", {"parameters": json.dumps(_FOOOCUS), "fooocus_scheme": "fooocus"}),
        Source.FOOOCUS,
        _CAR,
        "text parameters of a.png",
    ),
    "Fooocus, JPEG": (_with_exif("a.jpeg", json.dumps(_FOOOCUS).encode(), b"fooocus"), Source.FOOOCUS, _CAR, "text parameters of a.jpeg"),
    "Fooocus in A1111's form": (
        _with_picture("a.mp4", "a.png", {"parameters": _INFOTEXT, "fooocus_scheme": "a1111"}),
        Source.FOOOCUS,
        _CASTLE,
        "text parameters of a.png",
    ),
    "Wan2GP, mp4": (
        lambda folder: video(folder / "a.mp4", {"comment": json.dumps(_WANGP)}, atoms=True),
        Source.WAN2GP,
        _WHALE,
        "tag comment",
    ),
    "Wan2GP, mkv": (_tagged("a.mkv", DESCRIPTION=json.dumps(_WANGP)), Source.WAN2GP, _WHALE, "tag description"),
    "FramePack-Studio": (
        _beside("250610_0101_ab12_37.mp4", "250610_0101_ab12.json", _FRAMEPACK),
        Source.FRAMEPACK_STUDIO,
        {
            "prompt": "[0s: she waves]",
            "seed": 2500,
            "num_inference_steps": 25,
            "guidance_scale": 10.0,
            "width": 640,
            "pipeline": "HunyuanVideoFramepackPipeline",
            "extra": {"true_cfg_scale": 1.0, "sampling_type": "vanilla"},
        },
        "file 250610_0101_ab12.json",
    ),
    "Mochi": (_beside("output_1733000000.mp4", "output_1733000000.json", _MOCHI), Source.MOCHI, _LEMON, "file output_1733000000.json"),
    "Open-Sora": (
        _beside("sample_0000.mp4", "sample_0000.txt", "a wave\n"),
        Source.OPEN_SORA,
        {"prompt": "a wave", "pipeline": None},
        "file sample_0000.txt",
    ),
    "Wan 2.1's name": (
        lambda folder: video(folder / "t2v-1.3B_832x480_1_1_Two_anthropomorphic_cats_in_comfy_boxing_gear_and__20250301_120000.mp4"),
        Source.FILE_NAME,
        {
            "prompt": "Two anthropomorphic cats in comfy boxing gear and",
            "width": 832,
            "height": 480,
            "model": "Wan 2.1 t2v-1.3B",
            "pipeline": None,
        },
        "name of the file; the prompt is cut there",
    ),
    "Wan 2.2's name": (
        lambda folder: video(folder / "t2v-A14B_1280x720_8_3_cats_20250801_235959.mp4"),
        Source.FILE_NAME,
        {"prompt": "3 cats", "width": 1280, "height": 720, "model": "Wan 2.2 t2v-A14B"},
        "name of the file; the prompt is cut there",
    ),
    "HunyuanVideo's name": (
        lambda folder: video(folder / "2024-12-05-101530_seed42_A cat walks on the grass, realistic style..mp4"),
        Source.FILE_NAME,
        {"prompt": "A cat walks on the grass, realistic style.", "seed": 42, "model": "HunyuanVideo"},
        "name of the file; the prompt is cut there",
    ),
    "LTX's name": (
        lambda folder: video(folder / "video_output_0_a-woman-with-long-brown_171198_480x704x121_0.mp4"),
        Source.FILE_NAME,
        {"prompt": "a woman with long brown", "seed": 171198, "width": 704, "height": 480, "num_frames": 121, "model": "LTX-Video"},
        "name of the file; the prompt is cut there",
    ),
}


def _found(clip: Path, folder: Path) -> StoredPrompt:
    found = finding.find(clip, folder)
    assert found is not None
    return found


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_convention_is_read(tmp_path: Path, name: str) -> None:
    make, source, expected, where = CONVENTIONS[name]
    found = _found(make(tmp_path), tmp_path)
    assert found.source is source
    assert {key: getattr(found, key) for key in expected} == expected
    assert found.sources["prompt" if "prompt" in expected else "seed"] == where
    assert (found.pipeline is None) == (found.reason is not None)


def test_every_source_but_our_own_has_a_convention_here_or_a_sample() -> None:
    assert {source for _, source, _, _ in CONVENTIONS.values()} == set(Source) - {Source.DESHIMMER, Source.DEFORUM}


def test_a_clip_without_a_prompt_has_none(tmp_path: Path) -> None:
    clip = video(tmp_path / "holiday.mp4", {"title": "Norway", "comment": "with the family"})
    assert finding.find(clip, tmp_path) is None
    assert finding.graph(clip, tmp_path) is None


def test_a_clip_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(MissingClip):
        finding.find(tmp_path / "gone.mp4", tmp_path)


def test_a_file_beside_beats_what_the_clip_carries(tmp_path: Path) -> None:
    clip = video(tmp_path / "a.mp4", {"prompt": json.dumps(_GRAPH)})
    (tmp_path / "a.swarm.json").write_text(json.dumps(_SWARM))
    found = _found(clip, tmp_path)
    assert (found.source, found.prompt, found.has_graph) == (Source.SWARMUI, "a fjord", False)


def test_a_picture_beside_beats_what_the_clip_carries(tmp_path: Path) -> None:
    clip = video(tmp_path / "a.mp4", {"prompt": json.dumps(_GRAPH)})
    png(tmp_path / "a.png", {"parameters": _INFOTEXT})
    assert _found(clip, tmp_path).source is Source.A1111


def test_a_bare_text_beside_counts_less_than_a_graph(tmp_path: Path) -> None:
    clip = video(tmp_path / "a.mp4", {"prompt": json.dumps(_GRAPH)})
    (tmp_path / "a.txt").write_text("notes of the edit")
    assert _found(clip, tmp_path).prompt == "a red kite"


def test_the_queued_graph_is_preferred_to_the_pages(tmp_path: Path) -> None:
    page = {"nodes": [{"id": 5, "type": "KSampler", "widgets_values": [1, "fixed", 2, 3.0, "euler", "simple", 1.0]}], "links": []}
    clip = video(tmp_path / "a.mp4", {"workflow": json.dumps(page), "prompt": json.dumps(_GRAPH)})
    assert _found(clip, tmp_path).seed == 7
    assert finding.graph(clip, tmp_path) == _GRAPH


def test_garbage_beside_is_passed_over(tmp_path: Path) -> None:
    clip = video(tmp_path / "a.mp4", {"prompt": json.dumps(_GRAPH)})
    for name, content in {
        "a.swarm.json": b"{\x00\xff",
        "a.json": b"[" * 100_000,
        "a.png": b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXt",
        "a.txt": b"\xff\xfe\x00",
        "a_settings.txt": b'{"prompts": 5, "max_frames": NaN}',
        "a.mp4.txt": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
    assert _found(clip, tmp_path).prompt == "a red kite"


@pytest.mark.parametrize("given", [{"loras": ["detail"]}, {"model": "sd_xl_base_1.0"}, {"model": "wan2.1_vace_14B"}])
def test_what_diffusers_cannot_render_has_a_reason(tmp_path: Path, given: dict[str, Any]) -> None:
    content = {"sui_image_params": _SWARM["sui_image_params"] | given}
    found = _found(_beside("a.mp4", "a.swarm.json", content)(tmp_path), tmp_path)
    assert found.pipeline is None
    assert next(iter(given.values()))[0] in (found.reason or "")
