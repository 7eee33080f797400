"""What the command lines of Wan, HunyuanVideo and LTX put into a file's name: the prompt, cut, and sometimes the seed."""

from __future__ import annotations

import re
from typing import Any

from . import fields
from .place import Place
from .stored import Source, StoredPrompt

_PATTERNS = (
    # Wan: {task}_{size}_{ulysses}[_{ring}]_{prompt}_{date}_{time}; Wan 2.2 (A14B, 5B) leaves the ring out
    re.compile(r"(?P<task>(?:t2v|i2v)-(?:1\.3B|14B))_(?P<width>\d{2,5})[*x](?P<height>\d{2,5})_\d{1,2}_\d{1,2}_(?P<words>.+)_\d{8}_\d{6}"),
    re.compile(r"(?P<task>(?:t2v-A14B|i2v-A14B|ti2v-5B))_(?P<width>\d{2,5})[*x](?P<height>\d{2,5})_\d{1,2}_(?P<words>.+)_\d{8}_\d{6}"),
    # HunyuanVideo: {date}-{time}_seed{seed}_{prompt}
    re.compile(r"\d{4}-\d\d-\d\d-\d\d[-:_]?\d\d[-:_]?\d\d_seed(?P<seed>\d{1,20})_(?P<prompt>.+)"),
    # LTX: video_output_{i}_{prompt}_{seed}_{height}x{width}x{frames}_{n}
    re.compile(
        r"(?P<ltx>video_output)_\d+_(?P<dashed>[^\d_]+)_(?P<seed>\d{1,20})_(?P<height>\d{2,5})x(?P<width>\d{2,5})x(?P<num_frames>\d{1,5})_\d+"
    ),
)
_REASON = "Only its name tells the prompt, which is cut there."


def read(place: Place) -> StoredPrompt | None:
    for pattern in _PATTERNS:
        found = pattern.fullmatch(place.path.stem[:300])
        if found is not None:
            return _stored(found.groupdict())
    return None


def _stored(parts: dict[str, str]) -> StoredPrompt | None:
    values: dict[str, Any] = {name: parts.get(name) for name in ("seed", "width", "height", "num_frames")}
    prompt = parts.get("prompt") or parts.get("words", "").replace("_", " ") or parts.get("dashed", "").replace("-", " ")
    values["prompt"] = prompt
    values["model"] = _model(parts)
    return fields.stored(Source.FILE_NAME, values, "name of the file; the prompt is cut there", reason=_REASON)


def _model(parts: dict[str, str]) -> str:
    if task := parts.get("task"):
        return f"Wan {'2.2' if 'A14B' in task or 'ti2v' in task else '2.1'} {task}"
    return "LTX-Video" if parts.get("ltx") else "HunyuanVideo"
