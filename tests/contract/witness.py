"""The witness: what a media file holds, read by Debian's ffprobe and by PyAV, with nothing of the product's. Sequences and WebP too."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import looks
from PIL import Image

_TIMEOUT_S = 60
_NO_TAGS = {
    "encoder",
    "software",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "creation_time",
    "duration",
    "handler_name",
    "vendor_id",
}
_DYNAMIC = {"Dolby Vision": "Dolby Vision", "HDR10+": "HDR Dynamic Metadata SMPTE2094-40"}
"""How ffprobe's names of side data begin."""

_UNSAID = (None, "unknown", "unspecified", "und", "reserved")


@dataclass(frozen=True)
class Sound:
    codec: str
    language: str | None
    title: str | None
    packets: str  # digest
    starts: Fraction  # seconds after the first picture, of the first packet
    heard: tuple[Fraction, int]  # likewise of the first sample that is played, and how many are


@dataclass(frozen=True)
class Text:
    codec: str
    language: str | None
    lines: tuple[tuple[Fraction, str], ...]  # (seconds after the first picture, words)


@dataclass(frozen=True)
class Facts:
    """Times are seconds after the first picture's."""

    codec: str
    tag: str
    times: tuple[Fraction, ...]
    time_base: Fraction
    rate: Fraction
    size: tuple[int, int]
    pixel_format: str
    depth: int
    sampling: str
    colors: tuple[str | None, ...]  # primaries, transfer, matrix, range
    chroma_location: str | None
    has_mastering: bool
    mastering: Mapping[str, float]
    light: tuple[int, int] | None
    dynamic: tuple[str, ...]  # HDR metadata that changes from picture to picture
    pixel_aspect: Fraction
    orientation: tuple[int, bool]  # degrees, mirrored
    field_order: str
    has_alpha: bool
    looks: looks.Looks
    timecode: str | None = None
    sound: tuple[Sound, ...] = ()
    subtitles: tuple[Text, ...] = ()
    chapters: tuple[tuple[Fraction, Fraction, str | None], ...] = ()
    attachments: tuple[tuple[str | None, str], ...] = ()  # name, digest
    covers: int = 0
    data: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()  # of a decode in full

    @property
    def steps(self) -> tuple[Fraction, ...]:
        return tuple(later - earlier for earlier, later in pairwise(self.times))


def read(path: Path, rate: Fraction = Fraction(24)) -> Facts:
    """``rate``: of a sequence of pictures, which has none of its own."""
    source = ("-i", str(path))
    if path.is_dir():
        pattern, first = _pattern(path)
        source = ("-framerate", str(rate), "-start_number", str(first), "-i", str(pattern))
    if path.suffix == ".webp":
        return _webp(path)
    seen = looks.look(path)
    probed, complaints = _ffprobe(source)
    video = next(each for each in probed["streams"] if each["codec_type"] == "video" and not each["disposition"]["attached_pic"])
    frames = [each for each in probed["frames"] if each["media_type"] == "video" and each["stream_index"] == video["index"]]
    assert frames, f"no frame: {complaints}"
    time_base = Fraction(video["time_base"])
    stamps = [int(each.get("pts", each.get("best_effort_timestamp", 0))) * time_base for each in frames]
    if video["codec_name"] == "apng":
        stamps = looks.apng_times(path)
    begin = stamps[0]
    first, side = frames[0], _side_data(frames[0], video)
    alpha = seen.alpha is not None and seen.alpha < 0.999
    depth, sampling = looks.layout(first["pix_fmt"])
    return Facts(
        codec=video["codec_name"],
        tag=video.get("codec_tag_string", ""),
        times=tuple(stamp - begin for stamp in stamps),
        time_base=time_base,
        rate=Fraction(video["avg_frame_rate"] if video["avg_frame_rate"] != "0/0" else video["r_frame_rate"]),
        size=(first["width"], first["height"]),
        pixel_format=first["pix_fmt"],
        depth=depth,
        sampling=sampling,
        colors=tuple(_said(first.get(key, video.get(key))) for key in ("color_primaries", "color_transfer", "color_space", "color_range")),
        chroma_location=_said(first.get("chroma_location")),
        has_mastering="Mastering display metadata" in side,
        mastering=_mastering(side.get("Mastering display metadata", {})),
        light=_light(side.get("Content light level metadata")),
        dynamic=tuple(name for name, begin in _DYNAMIC.items() if any(kind.startswith(begin) for kind in side)),
        pixel_aspect=_aspect(video, first),
        orientation=_orientation(side.get("3x3 displaymatrix") or side.get("Display Matrix")),
        field_order=_field_order(first),
        has_alpha=alpha,
        looks=seen,
        timecode=_timecode(probed),
        sound=tuple(_sounds(path, probed, begin)),
        subtitles=tuple(_texts(path, probed, begin)),
        chapters=tuple(_chapter(each, begin) for each in probed["chapters"]),
        attachments=looks.attachments(path),
        covers=sum(each["disposition"]["attached_pic"] for each in probed["streams"]),
        data=tuple(each.get("codec_tag_string", "") for each in probed["streams"] if each["codec_type"] == "data"),
        tags=_tags(probed) | _frame_texts(path),
        complaints=(*complaints, *_decode(source), *looks.by_opencv(path, video["codec_name"], len(frames))),
    )


def _ffprobe(source: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    shows = ("-show_format", "-show_streams", "-show_chapters", "-show_frames", "-of", "json")
    done = subprocess.run(["ffprobe", "-v", "error", *shows, *source], capture_output=True, timeout=_TIMEOUT_S)
    words = done.stderr.decode(errors="replace").split("\n")
    return json.loads(done.stdout), tuple(f"ffprobe: {line}" for line in words if line)


def _decode(source: tuple[str, ...]) -> tuple[str, ...]:
    command = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-xerror",
        *source,
        "-enc_time_base",
        "-1",
        "-map",
        "0:v",
        "-map",
        "0:a?",
        "-f",
        "null",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S)
    words = tuple(f"ffmpeg: {line}" for line in done.stderr.splitlines() if line)
    return words or (("ffmpeg: it ended with an error",) if done.returncode else ())


def _pattern(folder: Path) -> tuple[Path, int]:
    first = min((each for each in folder.iterdir() if re.search(r"\d+\.\w+$", each.name)), key=_number)
    digits = re.search(r"(\d+)\.\w+$", first.name)
    assert digits is not None
    head, tail = first.name[: digits.start(1)], first.name[digits.end(1) :]
    return folder / f"{head}%0{len(digits[1])}d{tail}", int(digits[1])


def _number(path: Path) -> int:
    digits = re.search(r"(\d+)\.\w+$", path.name)
    assert digits is not None
    return int(digits[1])


def _said(value: str | None) -> str | None:
    return None if value in _UNSAID else value


def _side_data(frame: dict[str, Any], stream: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["side_data_type"]: each for holder in (stream, frame) for each in holder.get("side_data_list", [])}


def _mastering(values: dict[str, Any]) -> dict[str, float]:
    return {key: float(Fraction(value)) for key, value in values.items() if key != "side_data_type"}


def _light(values: dict[str, Any] | None) -> tuple[int, int] | None:
    return None if values is None else (values["max_content"], values["max_average"])


def _aspect(stream: dict[str, Any], frame: dict[str, Any]) -> Fraction:
    said = stream.get("sample_aspect_ratio") or frame.get("sample_aspect_ratio") or "1:1"
    return Fraction(*map(int, said.split(":"))) if said not in ("0:1", "N/A") else Fraction(1)


def _orientation(matrix: dict[str, Any] | None) -> tuple[int, bool]:
    if matrix is None:
        return 0, False
    values = [int(each) for line in matrix["displaymatrix"].strip().splitlines() for each in line.split(":")[1].split()]
    a, b, _, c, d, *_ = values
    mirrored = a * d - b * c < 0
    return int(float(matrix["rotation"])) % 360 if not mirrored else (0 if a < 0 else 180), mirrored


def _field_order(frame: dict[str, Any]) -> str:
    if not frame.get("interlaced_frame"):
        return "progressive"
    return "tt" if frame.get("top_field_first") else "bb"


def _timecode(probed: dict[str, Any]) -> str | None:
    holders = [{key.lower(): value for key, value in each.get("tags", {}).items()} for each in (*probed["streams"], probed["format"])]
    return next((tags["timecode"] for tags in holders if "timecode" in tags), None)


def _frame_texts(path: Path) -> dict[str, str]:
    """What the first picture of a folder says in words: there is no file to say it."""
    pattern, number = _pattern(path) if path.is_dir() else (path, 0)
    if not path.is_dir() or pattern.suffix != ".png":
        return {}
    with Image.open(str(pattern) % number) as picture:
        return {key.lower(): value for key, value in getattr(picture, "text", {}).items()}


def _tags(probed: dict[str, Any]) -> dict[str, str]:
    known = {key.lower(): value for key, value in probed["format"].get("tags", {}).items()}
    return {
        key: value
        for key, value in known.items()
        if key not in (*_NO_TAGS, "timecode")
        and not key.startswith(
            ("product_", "company_", "application_", "modification_", "material_", "uid", "generation_", "toolkit_", "operational_")
        )
    }


def _sounds(path: Path, probed: dict[str, Any], begin: Fraction) -> list[Sound]:
    return [
        Sound(
            stream["codec_name"],
            _said(stream.get("tags", {}).get("language")),
            stream.get("tags", {}).get("title"),
            *looks.packets(path, stream["index"], begin),
            _heard(probed, stream, begin),
        )
        for stream in probed["streams"]
        if stream["codec_type"] == "audio"
    ]


def _heard(probed: dict[str, Any], stream: dict[str, Any], begin: Fraction) -> tuple[Fraction, int]:
    frames = [each for each in probed["frames"] if each["media_type"] == "audio" and each["stream_index"] == stream["index"]]
    starts = [int(each["pts"]) * Fraction(stream["time_base"]) for each in frames if "pts" in each]
    return (min(starts) if starts else Fraction(0)) - begin, sum(int(each["nb_samples"]) for each in frames)


def _texts(path: Path, probed: dict[str, Any], begin: Fraction) -> list[Text]:
    return [
        Text(
            stream["codec_name"],
            _said(stream.get("tags", {}).get("language")),
            tuple((time - begin, words) for time, words in looks.words(path, stream["index"])),
        )
        for stream in probed["streams"]
        if stream["codec_type"] == "subtitle"
    ]


def _chapter(chapter: dict[str, Any], begin: Fraction) -> tuple[Fraction, Fraction, str | None]:
    base = Fraction(chapter["time_base"])
    return chapter["start"] * base - begin, chapter["end"] * base - begin, chapter.get("tags", {}).get("title")


def _webp(path: Path) -> Facts:
    """FFmpeg 5 does not read animations."""
    seen = looks.look(path)
    return Facts(
        codec="webp",
        tag="",
        times=seen.times,
        time_base=Fraction(1, 1000),
        rate=Fraction(0),  # it says none
        size=seen.size,
        pixel_format="rgba",
        depth=8,
        sampling="rgb",
        colors=(None, None, None, "pc"),
        chroma_location=None,
        has_mastering=False,
        mastering={},
        light=None,
        dynamic=(),
        pixel_aspect=Fraction(1),
        orientation=(0, False),
        field_order="progressive",
        has_alpha=seen.alpha is not None and seen.alpha < 0.999,
        looks=seen,
    )


def digest(path: Path) -> str:
    """Of a file, or of all files of a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return hashlib.sha256(b"".join(hashlib.sha256(each.read_bytes()).digest() for each in files if each.is_file())).hexdigest()
