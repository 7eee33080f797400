"""Markers as OpenTimelineIO (.otio): a timeline with the delivered clip, the source below it, and a marker for each range.

The schema names are the oldest that say all of it (``Clip.1`` is read by every version of the library, which turns it into its own; readers
before 0.15 do not know ``Clip.2``). Notes stand in ``comment`` and in ``metadata.Resolve_OTIO.Note``, where DaVinci Resolve keeps its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .markers import Footage, Marker

Json = dict[str, Any]


def written(footage: Footage, source: Footage, markers: Sequence[Marker], folder: Path) -> bytes:
    """The whole file, which lies in ``folder``. ``source`` gets a track below where it is another file with as many frames."""
    is_beside = source.path != footage.path and source.frames == footage.frames
    tracks = [_track("source", "Video", source, folder)] if is_beside else []
    tracks.append(_track("deshimmer", "Video", footage, folder, markers))
    if footage.has_sound:
        tracks.append(_track("sound", "Audio", footage, folder))
    start, rate = footage.start, float(footage.rate)
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": _text(footage.path.name),
        "metadata": {"deshimmer": {"source": _text(_relative(source.path, folder)), "rate": str(footage.rate)} | _remarks(footage)},
        "global_start_time": _time(start.frame, rate),
        "tracks": {"OTIO_SCHEMA": "Stack.1", **_item("tracks"), "children": tracks},
    }
    return json.dumps(timeline, indent=4).encode()


def _remarks(footage: Footage) -> Json:
    return {"remark": footage.remark} if footage.remark else {}


def _track(name: str, kind: str, footage: Footage, folder: Path, markers: Sequence[Marker] = ()) -> Json:
    first, rate = footage.start.frame, float(footage.rate)
    whole = _range(first, footage.frames, rate)
    clip = {
        "OTIO_SCHEMA": "Clip.1",
        **_item(_text(footage.path.name), whole),
        "markers": [_marker(each, first, rate) for each in markers],
        "media_reference": {"name": _text(footage.path.name), "metadata": {}, "available_range": whole, **_media(footage, folder)},
    }
    return {"OTIO_SCHEMA": "Track.1", **_item(name), "kind": kind, "children": [clip]}


def _media(footage: Footage, folder: Path) -> Json:
    """A file, or the numbered pictures in a folder."""
    found, url = footage.sequence, _url(footage.path, folder)
    if found is None:
        return {"OTIO_SCHEMA": "ExternalReference.1", "target_url": url}
    return {
        "OTIO_SCHEMA": "ImageSequenceReference.1",
        "target_url_base": f"{url}/",
        "name_prefix": quote(os.fsencode(found.prefix)),
        "name_suffix": quote(os.fsencode(found.suffix)),
        "start_frame": found.first,
        "frame_step": 1,
        "rate": float(footage.rate),
        "frame_zero_padding": found.digits if found.digits > 1 else 0,
        "missing_frame_policy": "error",
    }


def _marker(marker: Marker, first: int, rate: float) -> Json:
    """In the time of the clip's own media, whose first frame has the number ``first``."""
    return {
        "OTIO_SCHEMA": "Marker.2",
        "name": marker.name,
        "color": marker.colour.upper(),
        "comment": marker.note,
        "marked_range": _range(first + marker.frame, marker.frames, rate),
        "metadata": {"Resolve_OTIO": {"Keywords": [], "Note": marker.note}, "deshimmer": marker.record},
    }


def _item(name: str, source_range: Json | None = None) -> Json:
    return {"name": name, "source_range": source_range, "effects": [], "markers": [], "enabled": True, "metadata": {}}


def _range(start: int, frames: int, rate: float) -> Json:
    return {"OTIO_SCHEMA": "TimeRange.1", "start_time": _time(start, rate), "duration": _time(frames, rate)}


def _time(frame: int, rate: float) -> Json:
    return {"OTIO_SCHEMA": "RationalTime.1", "value": float(frame), "rate": rate}


def _url(path: Path, folder: Path) -> str:
    """Relative to the file itself, so that the folder may move; absolute where no relative path leads there."""
    relative = _relative(path, folder)
    return path.as_uri() if os.path.isabs(relative) else quote(os.fsencode(Path(relative).as_posix()))


def _relative(path: Path, folder: Path) -> str:
    """Links among the folders are followed first: ``..`` leads out of where the folder really is."""
    try:
        return os.path.relpath(os.path.join(os.path.realpath(path.parent), path.name), os.path.realpath(folder))
    except ValueError:  # another drive
        return str(path)


def _text(name: str) -> str:
    """A file's name need not be text."""
    return name.encode(errors="replace").decode()
