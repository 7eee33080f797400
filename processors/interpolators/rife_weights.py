"""Files of RIFE weights, the shipped one and a user's own: what is in them, and which network they belong to.

A file is read as data: safetensors, or PyTorch's format with ``weights_only``, which runs no code. Imports torch: import this
module only where torch and safetensors are known to be there.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ...config.errors import SettingsError
from . import rife_network, rife_network_40

Network = rife_network.IntermediateFlow | rife_network_40.IntermediateFlow

_PREFIX = "module."
"""Of every name, where the network was saved from training on several GPUs."""


@dataclass(frozen=True)
class Layout:
    versions: str
    network: Callable[[], Network]
    unused: tuple[str, ...]  # beginnings of the names that only served training, or a refinement that is not used


LAYOUTS = (
    Layout("4.25 and 4.26", rife_network.IntermediateFlow, ("teacher.", "caltime.")),
    Layout("4.0", rife_network_40.IntermediateFlow, ("block_tea.", "contextnet.", "unet.")),
)
_KNOWN = " and ".join(f"that of RIFE {layout.versions}" for layout in LAYOUTS)


def network(path: Path) -> Network:
    """The network of the file's layout with its weights, fp32, on the CPU. Raises as ``read`` and ``layout`` do."""
    tensors = read(path)
    found = layout(tensors, path)
    made = found.network()
    made.load_state_dict({name: tensor.float() for name, tensor in _used(tensors, found).items()}, strict=True)
    return made.eval().requires_grad_(False)


def read(path: Path) -> dict[str, Tensor]:
    """The file's tensors by name, without the prefix of parallel training. Raises SettingsError for anything but a file of tensors."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise _unusable(f"weights of RIFE are files that end with {', '.join(_READERS)}. Correct the path models.rife.", path)
    try:
        found = reader(path)
    except OSError as error:
        raise _unusable(f"the file cannot be read ({error.strerror or error}). Correct the path models.rife.", path) from None
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError):
        raise _unusable("it holds no weights that can be read without running code. Download it again.", path) from None
    if not isinstance(found, dict):
        raise _unusable("it holds no table of tensors. Give the state dict of the network, which is called flownet.", path)
    tensors = cast("dict[object, object]", found)
    return {str(name).removeprefix(_PREFIX): tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)}


def layout(tensors: Mapping[str, Tensor], path: Path) -> Layout:
    """The layout whose names and shapes the tensors have. Raises SettingsError, which names those that are known."""
    for known in LAYOUTS:
        with torch.device("meta"):
            wanted = known.network().state_dict()
        if _shapes(_used(tensors, known)) == _shapes(wanted):
            return known
    raise _unusable(
        f"its {len(tensors)} tensors have none of the layouts known here, {_KNOWN}. "
        "Give weights of one of these, or remove models.rife to use those that come along.",
        path,
    )


def _used(tensors: Mapping[str, Tensor], known: Layout) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(known.unused)}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _load_safetensors(path: Path) -> object:
    package: Any = safetensors.torch  # half its types are missing
    return package.load_file(path)


def _load_pickle(path: Path) -> object:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected pickle protocol")  # of what is no checkpoint
        return torch.load(path, map_location="cpu", weights_only=True)


_READERS: dict[str, Callable[[Path], object]] = {
    ".safetensors": _load_safetensors,
    ".pkl": _load_pickle,
    ".pth": _load_pickle,
    ".pt": _load_pickle,
}


def _unusable(message: str, path: Path) -> SettingsError:
    return SettingsError(f"{path.name}: {message}", path=path, title="These RIFE weights cannot be used")
