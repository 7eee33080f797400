"""An FFmpeg of the user's own: found as it is named, asked what it can do, refused in our words where it cannot."""

from __future__ import annotations

import os
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from clipmaker import exposure_flicker, pan, turn, write

from deshimmer.config.errors import NotSetUp
from deshimmer.config.settings import Settings, Tools
from deshimmer.daemon import doctor
from deshimmer.processors import api, ffmpeg, ffmpeg_builds, media
from deshimmer.processors.ffmpeg_builds import Wanted
from deshimmer.processors.records import Outcome, Route

DEBIAN = Path("/usr/bin/ffmpeg")
SHIPPED = ffmpeg.tool(Settings())

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shell scripts stand in for other programs")
on_debian = pytest.mark.skipif(not DEBIAN.exists(), reason="the system has no FFmpeg of its own")


def _own(path: Path | str) -> Settings:
    return Settings(tools=Tools(ffmpeg=str(path)))


def _script(folder: Path, text: str, name: str = "ffmpeg") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def _lacking(folder: Path, *names: str) -> Path:
    """The shipped FFmpeg, which does not list these names."""
    hidden = " ".join(f"-e ' {name} '" for name in names)
    return _script(
        folder, f'case "$2" in -encoders|-filters|-muxers) "{SHIPPED}" "$@" | grep -v {hidden};; *) exec "{SHIPPED}" "$@";; esac'
    )


def test_it_is_found_by_path_folder_home_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = _script(tmp_path / "bin", f'exec "{SHIPPED}" "$@"')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for named in (program, program.parent, "~/bin/ffmpeg", "~/bin", "ffmpeg"):
        assert ffmpeg.tool(_own(named)) == program
        assert ffmpeg.probe(_own(named)).ok


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("no-such-ffmpeg", "no program 'no-such-ffmpeg' is on the PATH"),
        ("{}/empty", "a folder without a program ffmpeg"),
        ("{}/absent/ffmpeg", "names no file"),
        ("{}/text", "may not be executed"),
    ],
)
def test_where_there_is_none_the_key_is_named(tmp_path: Path, named: str, words: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("not a program")
    settings = _own(named.format(tmp_path))
    with pytest.raises(NotSetUp, match=words) as raised:
        ffmpeg.tool(settings)
    assert "tools.ffmpeg" in raised.value.message
    assert "remove the key" in raised.value.message
    probe = ffmpeg.probe(settings)
    assert not probe.ok
    assert words in probe.detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo Hello", "no FFmpeg"),
        ("exit 3", "does not answer as FFmpeg does"),
        ("sleep 30", "no result within 0.5 s"),
    ],
)
def test_another_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str):
    monkeypatch.setattr(ffmpeg_builds, "_ANSWER_S", 0.5)
    program = _script(tmp_path, text)
    with pytest.raises(NotSetUp, match=words) as raised:
        ffmpeg_builds.of(program)
    assert raised.value.path == str(program)
    probe = ffmpeg.probe(_own(program))
    assert (probe.ok, probe.version) == (False, None)
    assert str(program) in probe.detail


def test_what_cannot_be_run_at_all(tmp_path: Path):
    program = tmp_path / "ffmpeg"
    program.write_bytes(b"\x7fELF, or nearly")
    program.chmod(0o755)
    assert not ffmpeg.probe(_own(program)).ok
    with pytest.raises(NotSetUp, match="cannot be run"):
        ffmpeg_builds.of(tmp_path / "absent")


@pytest.mark.parametrize(
    ("said", "number", "too_old"),
    [
        ("5.1.9-0+deb12u1", (5, 1), False),
        ("n9.0.2-17-g2a571b6068", (9, 0), False),
        ("4.4.2-0ubuntu0.22.04.1", (4, 4), True),
        ("N-109468-gd39b34123d", None, False),
        ("git-2020-01-01-abcdef", None, False),
    ],
)
def test_versions_as_builds_say_them(said: str, number: tuple[int, int] | None, too_old: bool):
    build = ffmpeg_builds.Build(Path("ffmpeg"), said, frozenset())
    assert (build.number, build.is_too_old) == (number, too_old)


def test_a_command_says_what_it_wants():
    chain = "setparams=range=tv,deband=1thr=0.02:blur=true,format=yuv420p10le"
    argv = [
        "ffmpeg",
        "-f",
        "nut",
        "-i",
        "pipe:0",
        "-f",
        "mov",
        "-c:a",
        "copy",
        "-c:v",
        "libx265",
        "-vf",
        chain,
        "-profile:v",
        "main10",
        "o",
    ]
    assert Wanted.by(argv) == Wanted("libx265", "yuv420p10le", ("setparams", "deband", "format"), "main10", "mov")
    by_stream = [{"-c:v": "-c:v:0", "-vf": "-filter:v:0"}.get(part, part) for part in argv]
    assert Wanted.by(by_stream) == Wanted.by(argv)
    assert Wanted.by(["ffmpeg", "-i", "a", "-c:v", "copy", "b"]) is None
    assert Wanted.by([sys.executable, "-c", "pass"]) is None


def test_an_encoder_is_tried_and_not_believed(tmp_path: Path):
    build = ffmpeg_builds.of(SHIPPED)
    assert [problem for part, problem in ffmpeg_builds.examine(build) if part.is_needed] == [None, None, None]
    assert "cannot encode yuv420p10le with mpeg4" in (ffmpeg_builds.trial(build, Wanted("mpeg4", "yuv420p10le")) or "")
    assert ffmpeg_builds.trial(build, Wanted("no_such", "yuv420p")) == "has no encoder no_such"
    eight_bit = _script(
        tmp_path, f'for each; do case "$each" in *10le*) echo 10 bit is not built in >&2; exit 1;; esac; done; exec "{SHIPPED}" "$@"'
    )
    found = ffmpeg_builds.trial(ffmpeg_builds.of(eight_bit), Wanted("libx265", "yuv420p10le"))
    assert found == "cannot encode yuv420p10le with libx265 (ffmpeg ended with code 1: 10 bit is not built in)"


def test_a_job_that_needs_what_is_not_there_ends_in_our_words(tmp_path: Path):
    clip = write(tmp_path / "clip.mp4", exposure_flicker(pan(8, (96, 64)), 10))
    for names, words in ((("libx264",), "has no encoder libx264"), (("setsar", "mp4"), "lacks the filter setsar and the muxer mp4")):
        program = _lacking(tmp_path / "-".join(names), *names)
        receipt = api.fix(clip, settings=_own(program), route=Route.SMOOTH, comparison=False)
        assert receipt.outcome is Outcome.FAILED
        assert receipt.error is not None
        assert (receipt.error["title"], receipt.error["path"]) == ("Not set up", str(program))
        assert words in (receipt.error["message"] or "")
        assert "tools.ffmpeg" in (receipt.error["message"] or "")


def test_one_that_is_too_old_is_refused(tmp_path: Path):
    old = _script(tmp_path, f'if [ "$2" = -version ]; then echo ffmpeg version 4.4.2 Copyright; else exec "{SHIPPED}" "$@"; fi')
    assert "too old: 5.1 is the oldest" in ffmpeg.probe(_own(old)).detail
    with pytest.raises(NotSetUp, match=r"4\.4\.2 is too old"):
        ffmpeg_builds.require([str(old), "-i", "a", "-c:v", "libx264", "b"])


def test_the_doctor_says_what_is_out_without_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "_CHECKS", [check for check in doctor._CHECKS if check.__name__ == "_ffmpeg"])
    settings = _own(_lacking(tmp_path, "dnxhd", "libx265", "libvmaf"))
    found = {check.name.removeprefix("ffmpeg, "): check for check in doctor.examine(settings)}
    assert (found["DNxHR"].ok, found["DNxHR"].optional) == (False, True)
    assert "the profile dnxhr is out" in found["DNxHR"].detail
    assert (found["HEVC 10 bit"].ok, found["HEVC 10 bit"].optional) == (False, False)
    assert "the route deband" in found["HEVC 10 bit"].detail
    assert found["HEVC 10 bit"].remedy
    assert found["libvmaf"].ok
    assert str(SHIPPED) in found["libvmaf"].detail
    assert (found["ffmpeg"].ok, "libx265" in found["ffmpeg"].detail) == (False, True)
    assert found["H.264"].ok


@on_debian
def test_debians_own_repairs_and_verifies_the_same(tmp_path: Path):
    def vary(frame: object, index: int) -> None:
        frame.pts = index + index // 4  # type: ignore[attr-defined]

    clip = write(tmp_path / "clip.mkv", exposure_flicker(pan(16, (128, 96)), 10), on_frame=vary)
    made = {}
    for name, settings in (("shipped", Settings()), ("debian", _own(DEBIAN))):
        made[name] = api.fix(clip, tmp_path / name, settings, route=Route.SMOOTH, comparison=name == "debian")
    shipped, debian = made["shipped"], made["debian"]
    assert debian.details["versions"]["ffmpeg"] != shipped.details["versions"]["ffmpeg"]
    assert (shipped.verified, debian.verified) == (True, True)
    assert debian.before == shipped.before
    assert abs(debian.after["flicker_score"] - shipped.after["flicker_score"]) < 0.02
    assert _times(debian.output) == _times(shipped.output) == _times(clip)
    assert debian.comparison is not None


def _times(path: Path | None) -> list[Fraction]:
    assert path is not None
    with media.open_container(path) as container:
        return [(frame.pts or 0) * Fraction(frame.time_base or 0) for frame in container.decode(video=0)]


@on_debian
def test_what_debians_cannot_keep_is_refused_before_it_starts(tmp_path: Path):
    if (ffmpeg_builds.version_number(DEBIAN) or (9, 9)) >= (6, 0):
        pytest.skip("this Debian's FFmpeg keeps how a clip is turned")
    clip = turn(write(tmp_path / "upright.mp4", exposure_flicker(pan(8, (96, 64)), 10)), tmp_path / "turned.mp4")
    receipt = api.fix(clip, settings=_own(shutil.which("ffmpeg", path="/usr/bin") or ""), route=Route.SMOOTH, comparison=False)
    assert receipt.outcome is Outcome.FAILED
    assert receipt.error is not None
    assert "before 6.0 cannot keep how a clip is turned" in (receipt.error["message"] or "")
