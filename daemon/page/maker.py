"""The process that makes what a browser can show: ``python -m deshimmer.daemon.page.maker``, one errand, at low priority.

In: ``{"make": "proxy" | "thumbnail", "source", "output", "frame", "settings"}``. Out, JSON lines: ``{"progress": 0 to 1}``, at the end
``{"answer": null}`` or ``{"answer": error}``. It dies with the daemon, as the workers do.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from ...config import priority
from ...config.errors import DeshimmerError
from ...config.settings import Settings
from ..worker import Channel

log = logging.getLogger(__name__)

_PROGRESS_EVERY_S = 0.1
_THUMBNAIL_PX = 480
_QUALITY = 82


def _proxy(errand: dict[str, Any], channel: Channel) -> None:
    from ...processors.reports import proxy

    last = 0.0

    def report(part: float) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_EVERY_S:
            last = time.monotonic()
            channel.send({"progress": round(part, 3)})

    proxy.make(Path(errand["source"]), Path(errand["output"]), Settings.model_validate(errand["settings"]), report)


def _thumbnail(errand: dict[str, Any], channel: Channel) -> None:
    from ...processors import excerpts, media, work_folders
    from ...processors.measurement.evidence import Stretch
    from ...processors.reports import pictures

    clip = media.probe(Path(errand["source"]))
    index = min(errand["frame"], clip.frames - 1)
    moment = excerpts.of(clip, Stretch(index, index + 1))
    picture = pictures.study(moment, [0], _THUMBNAIL_PX).frames[0]
    work_folders.write_whole(Path(errand["output"]), pictures.jpeg(picture, _QUALITY))


MAKERS = {"proxy": _proxy, "thumbnail": _thumbnail}


def answer(errand: dict[str, Any], channel: Channel) -> dict[str, str | None] | None:
    """None, or the error."""
    try:
        MAKERS[errand["make"]](errand, channel)
    except DeshimmerError as error:
        return error.as_dict()
    except Exception as error:  # the boundary: whatever a file does to us is told as one error
        return DeshimmerError(
            f"{type(error).__name__}: {error}. Open the clip in a player to see whether it is whole.",
            path=errand["source"],
            title="It cannot be shown in the browser",
        ).as_dict()
    return None


def main() -> None:
    priority.lower()
    channel = Channel()
    channel.send({"answer": answer(channel.requests.get(), channel)})


if __name__ == "__main__":
    main()
