"""The program rife-ncnn-vulkan: RIFE on any GPU with Vulkan, or on the CPU, without PyTorch.

It takes and gives picture files and nothing else. So this is the one place that writes PNGs on the way: three at a time, the two frames
of a pair and the one between them, in the job's work folder, and none of them outlives the clip.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from ...config import locks, spawn
from ...config.errors import DeshimmerError, NotSetUp, ToolFailed
from ...config.probes import Probe
from .through_rgb import Rgb

if TYPE_CHECKING:
    from ...config.settings import Settings

NAME = "rife-ncnn-vulkan"
REMEDY = (
    f"Unpack a release of {NAME} (github.com/nihui/rife-ncnn-vulkan), models included, and set tools.rife_ncnn_vulkan to the program, "
    "or put it on the PATH."
)
CPU = -1
"""The number that the program has for the CPU."""

_TIMEOUT_S = 900.0  # for one frame: a CPU takes a minute and more for a large one
_USAGE_WORDS = "gpu-id"
_SHARED_MODELS = Path("/usr/share") / NAME


def tool(settings: Settings) -> Path:
    """The program that is used: ``tools.rife_ncnn_vulkan``, else the one on the PATH. Raises NotSetUp with the remedy."""
    named = settings.tools.rife_ncnn_vulkan
    if named is not None and not named.is_file():
        raise NotSetUp("tools.rife_ncnn_vulkan names no file. Correct the path, or remove the key.", path=named)
    found = named or shutil.which(NAME)
    if found is None:
        raise NotSetUp(f"There is no {NAME}. {REMEDY}")
    return Path(found)


def model(settings: Settings) -> Path:
    """The folder of the model ``models.rife_ncnn``: a path, or the name of a folder beside the program. Raises NotSetUp."""
    name = Path(settings.models.rife_ncnn).expanduser()
    beside = tool(settings).resolve().parent
    places = [place / name for place in (beside, beside / "models", _SHARED_MODELS, _SHARED_MODELS / "models")]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise NotSetUp(
            f"There is no model '{name}' beside {NAME}. Unpack the release's models there, or set models.rife_ncnn to the model's folder.",
            path=places[0],
        )
    return found


def probe(settings: Settings) -> Probe:
    """Whether the program starts and has its model. Never raises; makes no picture."""
    try:
        binary = tool(settings)
        folder = model(settings)
        if _USAGE_WORDS not in _usage(binary):
            return Probe(NAME, None, False, f"{binary} does not answer as {NAME} does", REMEDY)
    except DeshimmerError as error:
        return Probe(NAME, None, False, f"{error.path}: it cannot be used" if error.path else "not found", error.message)
    dated = re.search(r"\d{8}", binary.resolve().parent.name)
    version = dated[0] if dated else None  # the program itself does not say
    return Probe(NAME, version, True, f"{NAME} {version or 'of unknown version'} at {binary}, model {folder.name}", None)


def arguments(binary: Path, model: Path, first: Path, second: Path, output: Path, moment: float, gpu: int | None = None) -> list[str]:
    """The program's arguments for the frame at ``moment``. ``gpu``: its number, ``CPU``, or None for the program's own choice."""
    where = [] if gpu is None else ["-g", str(gpu)]
    return [str(binary), "-0", str(first), "-1", str(second), "-o", str(output), "-s", f"{moment:.6f}", "-m", str(model), *where]


class NcnnRife:
    """A ``through_rgb.Middle``. Get it from ``loaned``."""

    def __init__(self, binary: Path, model: Path, folder: Path, tell: Callable[[str], None]) -> None:
        self._binary = binary
        self._model = model
        self._folder = folder
        self._inputs = folder / "0.png", folder / "1.png"
        self._tell = tell
        self._gpu: int | None = None

    def __call__(self, first: Rgb, second: Rgb, moment: float) -> Rgb:
        """The picture at ``moment``, at 8 bit. When the GPU run fails, this picture and all that follow are made on the CPU.

        Raises ToolFailed with the program's words when it fails there too.
        """
        for path, picture in zip(self._inputs, (first, second), strict=True):
            Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(path, compress_level=1)
        try:
            return self._run(first, second, moment)
        except ToolFailed as failed:
            if self._gpu == CPU:
                raise
            self._gpu = CPU
            made = self._run(first, second, moment)
            self._tell(f"{NAME} worked on the CPU, because its run on the GPU failed: {failed.message}")
            return made

    def _run(self, first: Rgb, second: Rgb, moment: float) -> Rgb:
        output = self._folder / "between.png"
        output.unlink(missing_ok=True)
        spawn.run(arguments(self._binary, self._model, *self._inputs, output, moment, self._gpu), timeout_s=_TIMEOUT_S)
        try:
            with Image.open(output) as picture:
                made = np.asarray(picture.convert("RGB"), np.float32) / np.float32(255)
        except (OSError, UnidentifiedImageError):  # it ends with code 0 when it cannot write
            raise ToolFailed(f"{NAME} ended without a picture. Update the GPU's driver, or unpack its release again.") from None
        if made.shape != first.shape:
            raise ToolFailed(f"{NAME} made a picture of another size ({made.shape[1]}x{made.shape[0]}).")
        if not made.any() and first.any() and second.any():  # it ends with code 0 when the GPU's memory runs out
            raise ToolFailed(f"{NAME} made a black picture. Close other programs that use the GPU.")
        return made


@contextmanager
def loaned(settings: Settings, folder: Path, tell: Callable[[str], None]) -> Generator[NcnnRife, None, None]:
    """The program with its pictures in ``folder`` for the length of the block, as the one holder of GPU memory.

    ``tell`` gets what a person should know of how the frames were made. Raises NotSetUp.
    """
    binary, chosen = tool(settings), model(settings)
    with TemporaryDirectory(prefix="ncnn-", dir=folder) as pictures, locks.holding_gpu():
        tell(f"the inserted frames are made by {NAME}, model {chosen.name}")
        yield NcnnRife(binary, chosen, Path(pictures), tell)


def _usage(binary: Path) -> str:
    try:
        return spawn.run([str(binary), "-h"], timeout_s=30).decode(errors="replace")
    except ToolFailed as failed:  # it prints its usage as an error
        return failed.message
