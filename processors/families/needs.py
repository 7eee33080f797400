"""The packages that rendering needs, all of the extra ``[ai]``, and which of them are not here. Nothing is imported to find out."""

from __future__ import annotations

from importlib.util import find_spec

PACKAGES = {
    "torch": "torch",
    "diffusers": "diffusers",
    "transformers": "transformers",
    "accelerate": "accelerate",
    "safetensors": "safetensors",
    "sentencepiece": "sentencepiece",  # reads the spiece.model that T5's tokenizers come with
    "protobuf": "google.protobuf",  # so does this, and transformers names it only when one is loaded
    "ftfy": "ftfy",  # Wan's pipelines clean the prompt with it
}
"""By their names for pip: the module of each."""


def missing() -> tuple[str, ...]:
    """Names for pip."""
    return tuple(package for package, module in PACKAGES.items() if not _is_here(module))


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False
