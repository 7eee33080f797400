"""The devices that torch works on here: which is the best, held for one job at a time, and given back. torch is imported when it is asked."""

from __future__ import annotations

import importlib
import os
from collections.abc import Generator
from contextlib import contextmanager

from ..config import locks
from ..config.errors import NotSetUp

REMEDY = (
    "Interpolation needs PyTorch and safetensors. Install them with: pipx install --force 'deshimmer[ai]' "
    "(in a virtual environment: pip install 'deshimmer[ai]'; from a checkout: python3 dev.py run --ai), then try again."
)


def require_torch() -> None:
    """Import torch and safetensors. Raises NotSetUp, which says how to install what is missing."""
    wait_patiently()
    try:
        importlib.import_module("torch")
        importlib.import_module("safetensors.torch")
    except (ImportError, OSError) as error:  # OSError: a library that torch needs is missing
        raise NotSetUp(f"{REMEDY} ({error})") from error


def wait_patiently() -> None:
    """Read when torch is first imported. Threads that spin while they wait for one another take up to twenty times as long, and the
    editor's cores besides, as soon as another program is busy.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def best() -> str:
    """``cuda``, else ``mps``, else ``cpu``. Needs torch."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def finds_gpu() -> bool:
    """Whether torch works on a GPU of this machine. Loads it; raises NotSetUp where it is absent."""
    require_torch()
    return best() != "cpu"


def has_gpu() -> bool:
    """The same; what is absent finds none."""
    try:
        return finds_gpu()
    except NotSetUp:
        return False


@contextmanager
def held(device: str) -> Generator[None, None, None]:
    """A GPU has one holder of its memory for each user: others wait. What its allocator keeps for later is given back at the end."""
    if device == "cpu":
        yield
        return
    with locks.holding_gpu():
        try:
            yield
        finally:
            release(device)


def release(device: str) -> None:
    """Give the memory back that a GPU's allocator keeps for later; loaded weights stay."""
    import torch

    if device == "cpu":
        return
    (torch.cuda if device.startswith("cuda") else torch.mps).empty_cache()
