"""The libraries by which diffusers keeps weights in fewer bits, and which of them are here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

_DENOISERS = ("transformer", "transformer_2", "unet")
_ENCODERS = ("text_encoder",)


@dataclass(frozen=True)
class Backend:
    name: str
    modules: tuple[str, ...]  # that have to be installed
    part: float  # of half precision's bytes that weights take
    package: str
    make: Callable[[Any], Any]  # the library's classes of configurations -> a configuration


def _int8(classes: Any) -> Any:
    import torchao.quantization as torchao  # pyright: ignore[reportMissingImports]  # of the backend "torchao"

    return classes.TorchAoConfig(torchao.Int8WeightOnlyConfig())  # pyright: ignore[reportUnknownArgumentType]


def _quanto(classes: Any) -> Any:
    if hasattr(classes, "QuantoConfig") and "weights_dtype" in classes.QuantoConfig.__init__.__code__.co_varnames:
        return classes.QuantoConfig(weights_dtype="int8")  # diffusers
    return classes.QuantoConfig(weights="int8")  # transformers


def _nf4(classes: Any) -> Any:
    import torch

    return classes.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)


ALL = (
    Backend("torchao", ("torchao",), 0.52, "torchao", _int8),
    Backend("quanto", ("optimum", "optimum.quanto"), 0.52, "optimum-quanto", _quanto),
    Backend("bitsandbytes", ("bitsandbytes",), 0.29, "bitsandbytes", _nf4),
)
"""Eight bits, eight bits and four: what takes less memory comes later."""


def backends() -> tuple[Backend, ...]:
    """Those that are installed; of those that come to the same, the first."""
    found: dict[float, Backend] = {}
    for backend in ALL:
        if all(find_spec(module) is not None for module in backend.modules):
            found.setdefault(backend.part, backend)
    return tuple(found.values())


def config(name: str) -> Any:
    """What ``from_pretrained`` of a pipeline takes as ``quantization_config``."""
    import diffusers
    import transformers
    from diffusers.quantizers.pipe_quant_config import PipelineQuantizationConfig

    backend = next(each for each in ALL if each.name == name)
    mapping = {part: backend.make(diffusers) for part in _DENOISERS} | {part: backend.make(transformers) for part in _ENCODERS}
    return PipelineQuantizationConfig(quant_mapping=mapping)
