"""write_sidecar: from a pipeline and its call to a file that reads back the same."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_pipelines
from PIL import Image

from deshimmer.config.errors import CannotWrite, SidecarError, WrongUsage
from deshimmer.processors.api import write_sidecar
from deshimmer.processors.prompts import lint, sidecar
from deshimmer.processors.prompts.stored import StoredPrompt

COMMIT = "8fc5b281006c82b82d34fd2543d2f0ebb4e7e321"


class Generator:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def initial_seed(self) -> int:
        return self.seed


class Part:
    def __init__(self, **config: Any) -> None:
        self.config = config


class CogVideoXPipeline:
    """Signature and attributes as diffusers has them."""

    def __init__(self, name: str | None = "THUDM/CogVideoX-5b", part: str = "", *, tiling: bool = False) -> None:
        self.config = {"_name_or_path": name}
        self.transformer = Part(sample_frames=49, sample_height=60, sample_width=90, _name_or_path=part)
        self.components = {"transformer": self.transformer, "tokenizer": None}
        self.vae_scale_factor_spatial = 8
        self.vae = Part()
        self.vae.use_tiling = tiling  # type: ignore[attr-defined]

    def __call__(
        self,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        height: int | None = None,
        width: int | None = None,
        num_frames: int | None = None,
        num_inference_steps: int = 50,
        guidance_scale: float = 6,
        use_dynamic_cfg: bool = False,
        eta: float = 0.0,
        generator: Any = None,
        latents: Any = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Any = None,
        callback_on_step_end_tensor_inputs: Any = ("latents",),
    ) -> None: ...


class StableVideoDiffusionPipeline:
    def __init__(self) -> None:
        self.config = {"_name_or_path": "stabilityai/stable-video-diffusion-img2vid-xt"}
        self.unet = Part(num_frames=25)

    def __call__(
        self,
        image: Any,
        height: int = 576,
        width: int = 1024,
        num_frames: int | None = None,
        num_inference_steps: int = 25,
        fps: int = 7,
        motion_bucket_id: int = 127,
        noise_aug_strength: float = 0.02,
        decode_chunk_size: int | None = None,
        generator: Any = None,
    ) -> None: ...


def read(clip: Path) -> StoredPrompt:
    found = sidecar.read(clip, clip.parent)
    assert found is not None
    return found


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return tmp_path / "clip.mp4"


def test_the_call_and_the_defaults_are_kept(clip: Path) -> None:
    written = write_sidecar(clip, CogVideoXPipeline(), prompt="a fox", num_frames=49, guidance_scale=7.5, generator=Generator(42), fps=8)
    assert (written.path, written.image, written.left_out) == (clip.with_name("clip.deshimmer.json"), None, ())
    found = read(clip)
    assert (found.pipeline, found.model, found.revision) == ("CogVideoXPipeline", "THUDM/CogVideoX-5b", None)
    assert (found.prompt, found.negative_prompt, found.seed) == ("a fox", None, 42)
    assert (found.num_frames, found.width, found.height, found.fps) == (49, 720, 480, 8.0)
    assert (found.num_inference_steps, found.guidance_scale) == (50, 7.5)
    assert found.extra == {"use_dynamic_cfg": False, "eta": 0.0}
    assert lint.lint(found, None, None) == ()
    assert [each.name for each in clip.parent.iterdir()] == ["clip.deshimmer.json"]


def test_arguments_by_position_lists_of_one_and_numpys_numbers(clip: Path) -> None:
    write_sidecar(str(clip), CogVideoXPipeline(), ["a fox"], "blur", num_frames=np.int64(17), guidance_scale=np.float32(6.5))
    found = read(clip)
    assert (found.prompt, found.negative_prompt, found.num_frames, found.guidance_scale, found.seed) == ("a fox", "blur", 17, 6.5, None)


@pytest.mark.parametrize(
    ("given", "seed"),
    [
        ({}, None),
        ({"generator": None}, None),
        ({"generator": []}, None),
        ({"generator": Generator(0)}, 0),
        ({"generator": [Generator(7), Generator(8)]}, 7),
        ({"generator": Generator(2**64 - 1)}, 2**64 - 1),
        ({"generator": Generator(7), "seed": 9}, 9),
    ],
)
def test_the_seed_is_the_generators(clip: Path, given: dict[str, Any], seed: int | None) -> None:
    assert write_sidecar(clip, CogVideoXPipeline(), prompt="x", **given).left_out == ()
    assert read(clip).seed == seed


def test_model_and_revision_of_the_hubs_cache_and_of_a_folder(clip: Path) -> None:
    cache = f"/cache/hub/models--THUDM--CogVideoX-5b/snapshots/{COMMIT}"
    for pipe in (CogVideoXPipeline(cache), CogVideoXPipeline(part=f"{cache}/transformer")):
        write_sidecar(clip, pipe)
        assert (read(clip).model, read(clip).revision) == ("THUDM/CogVideoX-5b", COMMIT)
    write_sidecar(clip, CogVideoXPipeline("me/mine", f"{cache}/transformer"))
    assert (read(clip).model, read(clip).revision) == ("me/mine", None)
    folder = clip.parent / "weights"
    folder.mkdir()
    write_sidecar(clip, CogVideoXPipeline(str(folder)))
    assert (read(clip).model, read(clip).revision) == (str(folder), None)
    write_sidecar(clip, CogVideoXPipeline(None))
    assert read(clip).model is None
    write_sidecar(clip, CogVideoXPipeline(cache), model="other/model", revision="v1")
    assert (read(clip).model, read(clip).revision) == ("other/model", "v1")


def test_what_it_cannot_hold_is_left_out_and_named(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    call: dict[str, Any] = {"latents": np.zeros((1, 2)), "prompt": ["a", "b"], "sigmas": [1.0, 0.5], "callback_on_step_end": print}
    with caplog.at_level(logging.WARNING):
        written = write_sidecar(clip, CogVideoXPipeline(), **call)
    assert set(written.left_out) == {"latents", "prompt", "sigmas"}
    assert "clip.deshimmer.json: left out" in caplog.text
    assert read(clip).prompt is None


def test_a_picture_is_saved_beside_the_clip(clip: Path) -> None:
    picture = Image.new("RGB", (64, 32), (10, 200, 30))
    written = write_sidecar(clip, StableVideoDiffusionPipeline(), picture, noise_aug_strength=0.1, generator=Generator(1))
    assert written.image == clip.with_name("clip.image.png")
    found = read(clip)
    assert found.image == written.image
    with Image.open(written.image) as saved:
        assert (saved.size, saved.getpixel((5, 5))) == ((64, 32), (10, 200, 30))
    assert (found.width, found.height, found.num_frames, found.fps) == (1024, 576, 25, 7.0)
    assert found.extra == {"motion_bucket_id": 127, "noise_aug_strength": 0.1}
    assert [each.rule for each in lint.lint(found, None, None)] == ["svd-noise-aug"]


def test_a_picture_below_the_clip_is_named_one_elsewhere_copied(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    below = clip.parent / "in" / "first.jpg"
    below.parent.mkdir()
    Image.new("RGB", (8, 8)).save(below)
    assert write_sidecar(clip, StableVideoDiffusionPipeline(), image=below).image is None
    assert read(clip).image == below
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "first.png"
    Image.new("RGB", (8, 8)).save(elsewhere)
    assert write_sidecar(clip, StableVideoDiffusionPipeline(), image=str(elsewhere)).image == clip.with_name("clip.image.png")
    assert read(clip).image == clip.with_name("clip.image.png")


@pytest.mark.parametrize("image", ["https://example.org/a.png", "absent.png", np.zeros((4, 4, 3)), [1, 2], __file__])
def test_what_is_no_picture_is_left_out(clip: Path, image: Any) -> None:
    assert write_sidecar(clip, StableVideoDiffusionPipeline(), image=image).left_out == ("image",)
    assert read(clip).image is None


def test_tiled_decoding_is_told(clip: Path) -> None:
    write_sidecar(clip, CogVideoXPipeline(tiling=True))
    assert read(clip).extra["vae_tiling"] is True


def test_errors_say_what_to_do(clip: Path) -> None:
    with pytest.raises(SidecarError, match="'num_frames'"):
        write_sidecar(clip, CogVideoXPipeline(), num_frames=-1)
    with pytest.raises(WrongUsage, match="more arguments"):
        write_sidecar(clip, CogVideoXPipeline(), *range(40))
    with pytest.raises(CannotWrite):
        write_sidecar(clip.parent / "absent" / "clip.mp4", CogVideoXPipeline())
    assert list(clip.parent.iterdir()) == []


def test_an_earlier_sidecar_is_replaced_whole(clip: Path) -> None:
    write_sidecar(clip, CogVideoXPipeline(), prompt="one", fps=8)
    with pytest.raises(SidecarError):
        write_sidecar(clip, CogVideoXPipeline(), prompt="two", fps=-1)
    assert read(clip).prompt == "one"
    write_sidecar(clip, CogVideoXPipeline(), prompt="two")
    assert (read(clip).prompt, read(clip).fps) == ("two", None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("one_torch_thread")
def test_with_a_real_pipeline_of_diffusers(clip: Path) -> None:
    torch = pytest.importorskip("torch")
    diffusers = pytest.importorskip("diffusers")
    transformer = diffusers.CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=8,
        text_embed_dim=32,
        num_layers=1,
        sample_width=8,
        sample_height=4,
        sample_frames=17,
        max_text_seq_length=16,
    )
    blocks = {"down_block_types": ("CogVideoXDownBlock3D",) * 4, "up_block_types": ("CogVideoXUpBlock3D",) * 4}
    vae = diffusers.AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2, **blocks
    )
    pipe = diffusers.CogVideoXPipeline(None, None, vae, transformer, diffusers.CogVideoXDDIMScheduler())
    pipe.register_to_config(_name_or_path="THUDM/CogVideoX-5b")
    pipe.set_progress_bar_config(disable=True)
    call: dict[str, Any] = {
        "prompt_embeds": torch.zeros(1, 16, 32),
        "negative_prompt_embeds": torch.zeros(1, 16, 32),
        "num_frames": 9,
        "num_inference_steps": 1,
        "max_sequence_length": 16,
        "generator": torch.Generator("cpu").manual_seed(1234),
    }
    frames = pipe(**call).frames[0]
    written = write_sidecar(clip, pipe, **call, fps=8)
    assert written.left_out == ("prompt_embeds", "negative_prompt_embeds")
    found = read(clip)
    assert (found.pipeline, found.model, found.seed) == ("CogVideoXPipeline", "THUDM/CogVideoX-5b", 1234)
    assert (found.num_frames, (found.width, found.height)) == (len(frames), frames[0].size)
    assert (found.num_inference_steps, found.guidance_scale, found.fps) == (1, 6.0, 8.0)
    assert found.extra == {"use_dynamic_cfg": False, "eta": 0.0, "max_sequence_length": 16}
    assert "cogvideox-steps" in {each.rule for each in lint.lint(found, None, None)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("name", tiny_pipelines.BUILDERS)
def test_each_family_by_its_real_pipeline_and_torchs_generator(clip: Path, name: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    pipe = tiny_pipelines.BUILDERS[name]()
    pipe.register_to_config(_name_or_path="ORG/NAME")
    call: dict[str, Any] = {"num_frames": 9, "width": 64, "height": 64, "generator": torch.Generator("cpu").manual_seed(2**63 + 5)}
    call |= {"image": Image.new("RGB", (64, 64))} if "Image" in name or name.startswith("Stable") else {}
    call |= {} if name.startswith("Stable") else {"prompt": "a fox"}
    torch.rand(3, generator=call["generator"])  # as after the call
    written = write_sidecar(clip, pipe, **call, fps=8)
    found = read(clip)
    assert written.left_out == ()
    assert (found.pipeline, found.model, found.seed) == (name, "ORG/NAME", 2**63 + 5)
    assert (found.num_frames, found.width, found.height, found.fps) == (9, 64, 64, 8.0)
    assert (found.prompt, found.image) == (call.get("prompt"), clip.with_name("clip.image.png") if "image" in call else None)


PICTURE = Image.new("RGB", (64, 64))


@pytest.mark.parametrize(
    ("video", "frames"),
    [([PICTURE] * 13, 13), (np.zeros((13, 8, 8, 3)), 13), (np.zeros((2, 13, 8, 8, 3)), None), ([[PICTURE] * 13] * 2, None), ([], None)],
    ids=["pictures", "an array", "two arrays", "two lists", "nothing"],
)
@pytest.mark.filterwarnings("ignore")
def test_video_to_video_has_the_frames_that_it_was_given(clip: Path, video: Any, frames: int | None) -> None:
    """And not those that the model was trained on."""
    diffusers = pytest.importorskip("diffusers")
    pipe = diffusers.CogVideoXVideoToVideoPipeline(**tiny_pipelines.BUILDERS["CogVideoXPipeline"]().components)
    assert write_sidecar(clip, pipe, video=video, prompt="a fox").left_out == ("video",)
    assert read(clip).num_frames == frames
