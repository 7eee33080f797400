"""Which ways there are to run a model in how much memory, and how one goes from one to the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import tiny_pipelines
from hypothesis import given, settings
from hypothesis import strategies as st

from deshimmer.config.errors import DeshimmerError
from deshimmer.processors import rendering
from deshimmer.processors.families import guard, ladder, pipelines, quantisation, table
from deshimmer.processors.families.family import Family, Kind, Means
from deshimmer.processors.families.ladder import Offload, Rung
from deshimmer.processors.prompts.stored import Source, StoredPrompt
from deshimmer.processors.records import Regeneration

GB = 10**9
PLENTY = 10**15
FAMILIES = st.sampled_from(table.ALL)
SIZES = st.tuples(st.integers(64, 1920), st.integers(64, 1088), st.integers(1, 161))


def places(family: Family, size: tuple[int, int, int], free: int) -> list[int]:
    """Of the rungs that fit, in the whole ladder."""
    every = ladder.all_rungs(family, *size, "cuda")
    try:
        return [every.index(rung) for rung in ladder.rungs(family, *size, free, "cuda", PLENTY)]
    except DeshimmerError:
        return []


@settings(max_examples=40, deadline=None)
@given(FAMILIES, SIZES, st.integers(0, 200), st.integers(0, 200))
def test_more_memory_never_picks_a_lower_rung(family: Family, size: tuple[int, int, int], one: int, other: int) -> None:
    less, more = sorted((one * GB, other * GB))
    assert set(places(family, size, less)) <= set(places(family, size, more))


@settings(max_examples=40, deadline=None)
@given(FAMILIES, SIZES, st.sampled_from(["cuda", "mps", "cpu"]))
def test_more_frames_and_pixels_never_take_less(family: Family, size: tuple[int, int, int], device: str) -> None:
    width, height, frames = size
    small = ladder.all_rungs(family, width, height, frames, device)
    for larger in ((width + 64, height, frames), (width, height + 64, frames), (width, height, frames + 24)):
        for before, after in zip(small, ladder.all_rungs(family, *larger, device), strict=True):
            assert after.device_bytes >= before.device_bytes


@settings(max_examples=40, deadline=None)
@given(FAMILIES, SIZES)
def test_the_ways_that_wait_in_main_memory_take_less_of_the_gpus(family: Family, size: tuple[int, int, int]) -> None:
    whole, tiled, by_model, by_layer = ladder.all_rungs(family, *size, "cuda")  # none of the quantising libraries is installed
    assert whole.device_bytes >= tiled.device_bytes >= by_model.device_bytes >= by_layer.device_bytes
    assert (by_model.offload, by_layer.offload) == (Offload.MODEL, Offload.SEQUENTIAL)


def test_what_model_cards_tell_of_memory_is_met() -> None:
    """CogVideoX-5B: 5 GB with sequential offload and tiles, bfloat16; Wan 2.1 1.3B: 8.2 GB. Within a factor of two."""
    cogvideox, wan = (table.family_of(name, None) for name in ("THUDM/CogVideoX-5b", "Wan-AI/Wan2.1-T2V-1.3B"))
    assert cogvideox is not None
    assert wan is not None
    least = ladder.all_rungs(cogvideox, 720, 480, 49, "cuda")[-1].device_bytes / GB
    assert 2.5 < least < 10
    by_model = ladder.all_rungs(wan, 832, 480, 81, "cuda")[2].device_bytes / GB
    assert 4.1 < by_model < 16.4


def test_none_fits_and_says_what_is_needed() -> None:
    with pytest.raises(
        DeshimmerError, match=r"CogVideoX.*720x480 with 49 frames takes about .* GB of the GPU's memory.*; 2\.0 GB are free there"
    ):
        ladder.rungs(table.ALL[0], 720, 480, 49, 2 * GB, "cuda", 64 * GB)
    with pytest.raises(DeshimmerError, match="of main memory"):
        ladder.rungs(table.ALL[0], 720, 480, 49, PLENTY, "cuda", GB)


def test_running_out_goes_down_and_other_errors_pass() -> None:
    rungs = tuple(Rung("cuda", size, 0) for size in (3, 2, 1))
    told: list[str] = []

    def run(rung: Rung) -> int:
        if rung.device_bytes > 1:
            raise MemoryError
        return rung.device_bytes

    assert ladder.climb_down(rungs, run, told.append) == 1
    assert len(told) == 2

    def never(rung: Rung) -> int:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    with pytest.raises(DeshimmerError, match="Memory ran out even with what takes least"):
        ladder.climb_down(rungs, never, told.append)

    def broken(rung: Rung) -> int:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        ladder.climb_down(rungs, broken, told.append)


@pytest.mark.parametrize(
    ("name", "family"), [("CogVideoXPipeline", "cogvideox-5b"), ("WanPipeline", "wan2.1-t2v-1.3b"), ("MochiPipeline", "mochi")]
)
def test_tiles_are_switched_on_and_off_again(tmp_path: Path, name: str, family: str) -> None:
    """A pipeline is kept for the next job, which may have more memory."""
    pipe = loaded(tmp_path, name, family)
    for tiled in (True, False, True):
        ladder.apply(pipe, Rung("cpu", 0, 0, tiled=tiled))
        assert (pipe.vae.use_tiling, pipe.vae.use_slicing) == (tiled, tiled)


def test_svd_has_chunks_in_the_place_of_tiles(tmp_path: Path) -> None:
    pipe = loaded(tmp_path, "StableVideoDiffusionPipeline", "stable-video-diffusion-img2vid-xt")
    rung = ladder.all_rungs(known("stable-video-diffusion-img2vid-xt"), 1024, 576, 25, "cpu")[0]
    ladder.apply(pipe, rung)
    assert ladder.options(rung) == {"decode_chunk_size": 2}


def test_offload_is_asked_of_diffusers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises without an accelerator, so that here only the call is seen."""
    pipe = loaded(tmp_path, "WanPipeline", "wan2.1-t2v-1.3b")
    calls: list[tuple[str, Any]] = []
    for way in ("model", "sequential"):
        monkeypatch.setattr(type(pipe), f"enable_{way}_cpu_offload", lambda self, device, way=way: calls.append((way, device)))
    for way in (Offload.MODEL, Offload.SEQUENTIAL):
        ladder.apply(pipe, Rung("cuda", 0, 0, offload=way))
    assert calls == [("model", "cuda"), ("sequential", "cuda")]


@pytest.fixture
def cpu_as_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offload from the CPU to the CPU. diffusers numbers the device, and accelerate cannot keep weights on a CPU with a number."""
    import accelerate
    import torch

    offload = accelerate.cpu_offload
    monkeypatch.setattr(accelerate, "cpu_offload", lambda model, device, **options: offload(model, torch.device("cpu"), **options))


@pytest.mark.usefixtures("cpu_as_gpu")
@pytest.mark.parametrize("family", ["wan2.1-t2v-1.3b", "cogvideox-5b"])
def test_no_hook_of_a_rung_is_left_on_the_next_one(tmp_path: Path, family: str) -> None:
    """Offload as diffusers and accelerate do it, with the CPU in the GPU's place; memory runs out in the middle of each but the last."""
    pipe = loaded(tmp_path, "WanPipeline" if family.startswith("wan") else "CogVideoXPipeline", family)
    prompt = StoredPrompt(Source.DESHIMMER, prompt="a cat")
    wanted = Regeneration(Means.DIFFUSERS, prompt, (), "", Kind.TEXT)
    ask = rendering.Ask(cast(Any, None), known(family), Kind.TEXT, wanted, 64, 64, 9, 2, 7, ())
    rungs = [Rung("cpu", 0, 0, offload=way) for way in (Offload.MODEL, Offload.SEQUENTIAL, Offload.MODEL, Offload.NONE)]
    tried: list[tuple[Rung, int]] = []

    def render() -> Any:
        return rendering.run(pipe, ask, table.ADAPTERS[ask.family.name], {}, lambda part: None)

    def run(rung: Rung) -> Any:
        with pipelines.quiet():
            ladder.apply(pipe, rung)
        tried.append((rung, hooked(pipe)))
        made = render()
        if rung is not rungs[-1]:
            raise MemoryError
        return made

    usual = render()
    assert hooked(pipe) == 0
    frames = ladder.climb_down(rungs, run, lambda words: None)
    counts = [count for _, count in tried]
    assert counts[0] == counts[2] == 3  # a network each
    assert counts[1] > 20  # a layer each
    assert counts[3] == hooked(pipe) == 0
    assert {str(tensor.device) for part in networks(pipe) for tensor in part.parameters()} == {"cpu"}
    assert (frames == usual).all()


@pytest.mark.usefixtures("cpu_as_gpu")
def test_a_rung_that_fails_within_a_network_leaves_no_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    pipe = loaded(tmp_path, "WanPipeline", "wan2.1-t2v-1.3b")
    full = pipe.transformer.blocks[1].register_forward_pre_hook(
        lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory"))
    )
    for way in (Offload.MODEL, Offload.SEQUENTIAL):
        with pipelines.quiet():
            ladder.apply(pipe, Rung("cpu", 0, 0, offload=way))
            with pytest.raises(torch.OutOfMemoryError):
                pipe("a cat", width=64, height=64, num_frames=9, num_inference_steps=1)
    full.remove()
    pipelines._park()  # pyright: ignore[reportPrivateUsage]
    assert hooked(pipe) == 0
    assert {str(tensor.device) for part in networks(pipe) for tensor in part.parameters()} == {"cpu"}


def networks(pipe: Any) -> list[Any]:
    import torch

    return [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]


def hooked(pipe: Any) -> int:
    """Modules that accelerate watches."""
    return sum(hasattr(module, "_hf_hook") for part in networks(pipe) for module in part.modules())


def test_libraries_that_quantise_are_a_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quantisation.backends() == ()
    monkeypatch.setattr(quantisation, "find_spec", lambda module: object())
    assert [backend.name for backend in quantisation.backends()] == ["torchao", "bitsandbytes"]
    rungs = ladder.all_rungs(table.ALL[0], 720, 480, 49, "cuda")
    assert [rung.quantisation for rung in rungs if rung.quantisation] == ["torchao", "bitsandbytes"]


def known(name: str) -> Family:
    family = table.family_of(name, None)
    assert family is not None
    return family


def loaded(tmp_path: Path, name: str, family: str) -> Any:
    folder = tiny_pipelines.build(name, tmp_path)
    assert json.loads((folder / guard.INDEX).read_text())["_class_name"] == name
    pipelines.require()
    pipelines.unload()
    kind = Kind.IMAGE if name.startswith("Stable") else Kind.TEXT
    return pipelines.load(folder, known(family), table.ADAPTERS[known(family).name], kind, "cpu", {})
