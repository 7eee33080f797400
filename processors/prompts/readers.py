"""The conventions by which generators leave a prompt, in the order in which they count.

Our own sidecar beats another file beside the clip, which beats what the clip carries, which beats its name. A text that names
nothing but a prompt counts last of all files: anything may lie in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from . import comfyui, deforum, file_names, fooocus, framepack, invokeai, mochi, open_sora, sidecar, swarmui, wan2gp, webui
from .place import Place, Texts
from .stored import StoredPrompt


class Read(Protocol):
    """None where the convention was not followed. A file that is garbage was not written by it."""

    def __call__(self, place: Place, /) -> StoredPrompt | None: ...


@dataclass(frozen=True)
class Reader:
    name: str
    read: Read


def _in(texts: Callable[[Place], Texts], carried: Callable[[Texts], StoredPrompt | None]) -> Read:
    return lambda place: carried(texts(place))


def _picture(place: Place) -> Texts:
    return place.picture


def _own(place: Place) -> Texts:
    return place.own


_CARRIED: tuple[tuple[str, Callable[[Texts], StoredPrompt | None]], ...] = (
    ("Wan2GP", wan2gp.carried),
    ("InvokeAI", invokeai.carried),
    ("SwarmUI", swarmui.carried),
    ("Fooocus", fooocus.carried),
    ("web interface", webui.carried),
)

ALL: tuple[Reader, ...] = (
    Reader("our sidecar", lambda place: sidecar.read(place.path, place.folder)),
    Reader("SwarmUI's file", swarmui.beside),
    Reader("FramePack-Studio's file", framepack.beside),
    Reader("Mochi's file", mochi.beside),
    Reader("Deforum's file", deforum.beside),
    Reader("ComfyUI's file", comfyui.beside),
    Reader("SD.Next's file", webui.sdnext_file),
    Reader("AnimateDiff's file", webui.animatediff_file),
    Reader("ComfyUI, picture beside the clip", lambda place: comfyui.carried(place.picture, place)),
    *(Reader(f"{name}, picture beside the clip", _in(_picture, carried)) for name, carried in _CARRIED),
    Reader("ComfyUI", lambda place: comfyui.carried(place.own, place)),
    *(Reader(name, _in(_own, carried)) for name, carried in _CARRIED),
    Reader("Open-Sora's file", open_sora.beside),
    Reader("name of the file", file_names.read),
)
