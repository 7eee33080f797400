"""Makers of small media files with all that a file may hold besides pictures, by FFmpeg."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from deshimmer.config import spawn
from deshimmer.config.settings import Settings
from deshimmer.processors import encoding, ffmpeg, media, results
from deshimmer.processors.records import Clip, Route, Treatment
from deshimmer.processors.writing.orders import Order

SETTINGS = Settings()
SMOOTH = Treatment(Route.SMOOTH)

X264 = "-c:v libx264 -preset ultrafast -crf 20"
NTSC = "-f lavfi -i testsrc2=s=96x64:r=30000/1001:d=1"
FILM = "-f lavfi -i testsrc2=s=96x64:r=24000/1001:d=1"
TONE, OTHER_TONE = "-f lavfi -i sine=440:r=48000:d=1", "-f lavfi -i sine=880:r=44100:d=0.8"

SUBTITLES = "1\n00:00:00,200 --> 00:00:00,500\nhello\n\n2\n00:00:00,600 --> 00:00:00,900\ntwo\nlines\n"
TAGS = """;FFMETADATA1
title=Na\u00efve \\= \u201ccaf\u00e9\u201d \u65e5\u672c
artist=\u00dcn\u00ef
comment={"prompt": "a \\"b\\""}
creation_time=2020-03-04T05:06:07.000000Z
[CHAPTER]
TIMEBASE=1/1000
START=0
END=400
title=One
[CHAPTER]
TIMEBASE=1/1000
START=400
END=99000
title=Two \U0001f3ac
"""


def made(path: Path, arguments: str) -> Path:
    """FFmpeg's arguments, split at spaces, give ``path``. Names of files are those in its folder: ``words.srt``, ``tags.txt``,
    ``cover.png`` are made where they are asked for.
    """
    _enclose(path.parent, arguments)
    words = [str(path.parent / word) if (path.parent / word).is_file() else word for word in arguments.split()]
    spawn.run([str(ffmpeg.tool(SETTINGS)), "-y", "-loglevel", "error", *words, str(path)], timeout_s=60)
    return path


def delivered(source: Path, treatment: Treatment = SMOOTH) -> tuple[Clip, Clip, encoding.Encoding]:
    """The clip, the result of a repair that changes nothing, and how that was encoded."""
    clip = media.probe(source)
    chosen = encoding.choose(clip, treatment)
    folder = source.parent / "delivered"
    folder.mkdir(exist_ok=True)
    output = folder / f"{source.stem}{chosen.suffix}"
    results.write(Order(clip, working_frames(clip), chosen, output, SETTINGS))
    assert [each.name for each in folder.iterdir() if each.name.startswith(f"{output.name}.")] == []
    return clip, media.probe_result(output, clip), chosen


def working_frames(clip: Clip) -> Iterator[av.VideoFrame]:
    for frame in media.frames(clip):
        yield media.to_format(frame, media.working_format(clip))


def ffprobe(path: Path, *asked: str) -> Any:
    """What Debian's ffprobe says: a reader that shares no code with ours."""
    argv = ["/usr/bin/ffprobe", "-v", "error", "-of", "json", *asked, str(path)]
    return json.loads(spawn.run(argv, timeout_s=30))


def _enclose(folder: Path, arguments: str) -> None:
    for name, text in (("words.srt", SUBTITLES), ("tags.txt", TAGS)):
        if name in arguments and not (folder / name).is_file():
            (folder / name).write_text(text, encoding="utf-8")
    if "cover.png" in arguments and not (folder / "cover.png").is_file():
        made(folder / "cover.png", "-f lavfi -i testsrc2=s=32x32 -frames:v 1")
