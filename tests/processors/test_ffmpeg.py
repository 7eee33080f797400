"""The program: its probe, its arguments, its failures in our words."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest
from clipmaker import pan, write

from deshimmer.config import spawn
from deshimmer.config.errors import CannotWrite, NotSetUp, ToolFailed
from deshimmer.config.settings import Settings, Tools
from deshimmer.processors import ffmpeg

SETTINGS = Settings()


def test_probe_of_the_shipped_one() -> None:
    probe = ffmpeg.probe(SETTINGS)
    assert (probe.name, probe.ok, probe.missing, probe.remedy) == ("ffmpeg", True, (), None)
    assert probe.version
    assert probe.version in probe.detail


def test_probe_of_none_is_an_answer_with_the_remedy(tmp_path: Path) -> None:
    absent = Settings(tools=Tools(ffmpeg=str(tmp_path / "absent")))
    probe = ffmpeg.probe(absent)
    assert (probe.ok, probe.version) == (False, None)
    assert "tools.ffmpeg" in (probe.remedy or "")
    with pytest.raises(NotSetUp, match=r"tools\.ffmpeg"):
        ffmpeg.tool(absent)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for another program")
def test_probe_of_something_else(tmp_path: Path) -> None:
    other = tmp_path / "ffmpeg"
    other.write_text("#!/bin/sh\necho ffmpeg version 0.1 of old\n")
    other.chmod(0o700)
    probe = ffmpeg.probe(Settings(tools=Tools(ffmpeg=str(other))))
    assert (probe.version, probe.ok) == ("0.1", False)
    assert "libx265" in probe.missing


def test_every_input_carries_the_allow_lists(tmp_path: Path) -> None:
    argv = ffmpeg.arguments(Path("ffmpeg"), ffmpeg.graph.output(ffmpeg.source(tmp_path / "-i.mp4"), ffmpeg.url(tmp_path / "out.mp4")))
    given = argv.index("-i")
    assert argv[given + 1] == f"file:{tmp_path / '-i.mp4'}"
    for option in ("-format_whitelist", "-protocol_whitelist"):
        assert argv.index(option) < given
    assert "concat" not in argv[argv.index("-format_whitelist") + 1]
    assert "-nostdin" in argv


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", pan(48, (320, 240)))
    output = tmp_path / "out.mp4"
    seen: list[float] = []
    argv = ffmpeg.arguments(ffmpeg.tool(SETTINGS), ffmpeg.graph.output(ffmpeg.source(source), ffmpeg.url(output), preset="veryslow"))
    with ffmpeg.running(argv, seconds=2.0, progress=seen.append) as run:
        assert run.finish(output) == 48
    assert seen == sorted(seen)
    assert seen[-1] > 0.9


@pytest.mark.parametrize(
    ("words", "error"), [("av_interleaved_write_frame(): No space left on device", CannotWrite), ("odd thing", ToolFailed)]
)
def test_its_failures_in_our_words(tmp_path: Path, words: str, error: type[Exception]) -> None:
    argv = [sys.executable, "-c", f"import sys; sys.stderr.write({words!r}); sys.exit(3)"]
    with ffmpeg.running(argv) as run, pytest.raises(error, match="disk is full" if error is CannotWrite else "code 3: odd thing"):
        run.finish(tmp_path / "out.mp4")


def test_progress_may_stop_the_run(tmp_path: Path) -> None:
    pids: list[int] = []

    def stop(part: float) -> None:
        raise KeyboardInterrupt

    def start() -> None:
        with ffmpeg.running([sys.executable, "-c", "import time; time.sleep(60)"], progress=stop) as run:
            pids.append(run.process.pid)
            run.finish(tmp_path / "out.mp4")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert not psutil.pid_exists(pids[0])


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
def test_a_name_that_is_not_utf8_reaches_the_program_as_it_is(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", pan(8, (64, 48)))
    odd = clip.rename(tmp_path / os.fsdecode(b"clip-\xff.mp4"))
    copied = tmp_path / os.fsdecode(b"copy-\xfe.mp4")
    argv = ffmpeg.arguments(ffmpeg.tool(SETTINGS), ffmpeg.graph.output(ffmpeg.source(odd), ffmpeg.url(copied), vcodec="copy"))
    spawn.run(argv, timeout_s=60)
    assert copied.stat().st_size > 0
