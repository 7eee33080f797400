"""How large a family's computation is: tokens, width of its layers, and how both scale the work of a step.

A transformer of P parameters spends 2 P N operations on N tokens in its layers, and 4 N^2 d L in attention (Kaplan et al. 2020,
appendix B). With P about 12 d^2 L, attention is N / (6 d) of the layers' part. At CogVideoX-5B's own size (N = 17 550, d = 3072)
that is 0.98; counted from its 42 layers it is 0.92.
"""

from __future__ import annotations

from math import ceil, sqrt

from .family import Family

_PATCH = 16  # pixels of a side of a token: the VAE's 8 times the patch's 2
_FRAMES_IN_ONE = (6, 4, 1)  # that a VAE makes one of: Mochi's; CogVideoX's and Wan's; SVD's
_WIDTH = 1340  # channels for a thousand million parameters; fits CogVideoX (1920 and 3072), Wan (1536 and 5120), and is above Mochi's 3072


def tokens(family: Family, width: int, height: int, frames: int) -> int:
    """That the denoiser works on in one pass."""
    together = next(each for each in _FRAMES_IN_ONE if family.frame_step % each == 0)
    return ceil(frames / together) * _tokens_of_frame(width, height)


def width_of(family: Family) -> float:
    """Channels of its layers."""
    return _WIDTH * sqrt(family.parameters)


def work(family: Family, width: int, height: int, frames: int) -> float:
    """Operations of one step, in units of 10^15, guidance included; ``family.pflop_per_step`` at the family's own size."""
    own_width, own_height = family.sizes[0]
    own = _operations(family, own_width, own_height, family.num_frames)
    return family.pflop_per_step * _operations(family, width, height, frames) / own


def _operations(family: Family, width: int, height: int, frames: int) -> float:
    """Proportional to a step's."""
    many = tokens(family, width, height, frames)
    each_looks_at = _tokens_of_frame(width, height) if family.frame_step == 1 else many  # SVD's UNet looks within a frame
    return many * (1 + each_looks_at / (6 * width_of(family)))


def _tokens_of_frame(width: int, height: int) -> int:
    return ceil(width / _PATCH) * ceil(height / _PATCH)
