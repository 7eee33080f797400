"""Markers as an EDL: what DaVinci Resolve writes at Timelines > Export > Timeline Markers to EDL, and reads at the import beside it.

CMX3600 (SMPTE 258M) with a line of Resolve's after each event: the note, then ``|C:`` colour, ``|M:`` name and ``|D:`` length in frames.
The form is that of exports which people have published (github.com/TheAcharya/MarkersExtractor issue 25, github.com/shellshape/chapterize).
Each marker is an event of one frame. No ``* LOC:`` lines, which are Avid's: Resolve is said to take lines with an asterisk into the note.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .markers import Footage, Marker

_REEL = "001"
_TITLE_CHARACTERS = 70
_BREAKS = re.compile(r"[\s|]+")


def written(footage: Footage, markers: Sequence[Marker]) -> str:
    """The whole file. Its title says the timecode at which the timeline has to start for the markers to lie right."""
    counting, first = footage.start.counting, footage.start.frame
    title = f"from {counting.written(first)} {_plain(footage.path.name)}"[:_TITLE_CHARACTERS]
    lines = [f"TITLE: {title}", f"FCM: {'DROP FRAME' if counting.drops else 'NON-DROP FRAME'}", ""]
    for number, marker in enumerate(markers, start=1):
        place = f"{counting.written(first + marker.frame)} {counting.written(first + marker.frame + 1)}"
        lines.append(f"{number:03}  {_REEL}      V     C        {place} {place}  ")
        lines.append(f"{_plain(marker.note)} |C:ResolveColor{marker.colour.capitalize()} |M:{_plain(marker.name)} |D:{marker.frames}")
        lines.append("")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """On one line, without what separates the parts. Notes begin with a letter: with a digit the line would read as an event."""
    return _BREAKS.sub(" ", text.encode(errors="replace").decode()).strip()
