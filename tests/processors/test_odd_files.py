"""Files that nobody vouches for: each ends as what it is, or as one clear error."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from clipmaker import pan, write

from deshimmer.config.errors import ChangingClip, ClipError, IncompleteClip, RefusedClip, RouteRefused, UnreadableClip
from deshimmer.config.settings import Settings
from deshimmer.processors import encoding, media, probing, road, work_folders
from deshimmer.processors.inventory import inventories
from deshimmer.processors.records import Clip, Passage, Request, Route, Treatment
from deshimmer.processors.writing import frame_pipe
from deshimmer.processors.writing.orders import Order

SETTINGS = Settings()

# name: frames, size as decoded, marks
SOUND: dict[str, tuple[int, tuple[int, int], str]] = {
    "android_slow_motion.mp4": (7, (1280, 720), "variable full"),
    "animation_lossy.webp": (101, (320, 240), "full"),
    "av1_film_grain_50.mkv": (10, (352, 288), ""),
    "av1_video.mkv": (125, (640, 360), ""),
    "bt601_prores_or_mov.mov": (30, (640, 428), "sound"),
    "bt709_full_range.mp4": (30, (1280, 720), "full"),
    "camera_mjpeg_100_0306.AVI": (41, (320, 240), "full sound"),
    "dispose_background.gif": (3, (192, 168), "alpha full"),
    "dolbyvision_hdr.MOV": (4, (1280, 720), "deep hdr rot90 sound"),
    "edit_list_preroll.mp4": (16, (640, 360), "sound"),
    "frames.webm": (100, (1080, 1080), ""),
    "h264_10bits.mp4": (30, (200, 200), "deep"),
    "hevc_dovi_p5.mp4": (10, (1920, 1080), "deep full"),
    "missing_stsd.mp4": (30, (1080, 720), "sound"),
    "mpeg2_field_interlaced.mpg": (31, (720, 576), "interlaced wide"),
    "mvhevc_stereo_5frames.mov": (5, (1934, 2160), ""),
    "no_duration.webm": (74, (1280, 720), "variable sound"),
    "prores_422hq.mov": (2, (1920, 1080), "deep interlaced"),
    "prores_hdr10.mov": (5, (1280, 720), "deep hdr sound"),
    "rot180.mov": (3, (568, 320), "rot180"),
    "rot270.mov": (3, (568, 320), "rot270"),
    "rotate_buck_bunny.mp4": (45, (1920, 1080), "rot90 sound"),
    "sample_portrait_rot.mp4": (30, (720, 1080), "sound"),
    "sample_rotate_and_reflect.mp4": (30, (1080, 720), "mirrored rot90 sound"),
    "silent_black_10s.mp4": (300, (320, 240), "sound"),
    "syn_apng_alpha.png": (4, (160, 106), "full"),
    "syn_ffv1_gray16.mkv": (6, (160, 160), "deep full"),
    "syn_hdr_pq_10bit.mp4": (24, (640, 360), "deep hdr"),
    "syn_interlaced_tff.mp4": (24, (640, 360), "interlaced"),
    "syn_mkv_attach_51.mkv": (23, (512, 512), "sound"),
    "syn_one_frame.mp4": (1, (512, 512), ""),
    "syn_wrong_ext_webm_as.mp4": (30, (161, 121), ""),
    "trans_x.gif": (1, (100, 100), "alpha full"),
    "vp8_alpha.webm": (120, (320, 213), "alpha"),
    "vp9_odd_dimensions.webm": (30, (161, 121), ""),
    "with_chapters.mp4": (30, (1080, 720), "sound"),
    "with_pgs_subtitles.mkv": (30, (1080, 720), "sound"),
    "with_vobsub.mp4": (30, (1080, 720), "variable sound"),
}
UNUSABLE: dict[str, type[ClipError]] = {
    "audio_only.mp4": UnreadableClip,
    "h264_displaymatrix.mov": IncompleteClip,  # its index lists 708 frames, 34 are there
    "h264_multi_stsd.mov": ChangingClip,
    "syn_text_named.mp4": UnreadableClip,
    "syn_truncated_moov_missing.mp4": IncompleteClip,  # the index is in front; 40% of the frames are cut off
    "syn_zero_bytes.mp4": IncompleteClip,
    "truncated.gif": IncompleteClip,
    "vp8_frame_size_change.webm": ChangingClip,
    "vp9_invalid_bitstream.webm": UnreadableClip,
}


def _marks(clip: Clip) -> set[str]:
    known = {
        "variable": clip.variable_frame_rate,
        "alpha": clip.has_alpha,
        "interlaced": clip.interlaced,
        "mirrored": clip.mirrored,
        "sound": bool(clip.audio),
        "deep": clip.bit_depth > 8,
        "hdr": clip.color.is_hdr,
        "full": clip.color.range == "pc",
        "wide": clip.sample_aspect == Fraction(16, 15),
        f"rot{clip.rotation}": clip.rotation != 0,
    }
    return {mark for mark, holds in known.items() if holds}


def _probe(path: Path) -> Clip:
    request = Request(path, path.parent / "out", str(path))
    clip = probing.probe_stage(Passage("job", request, path.parent), SETTINGS, lambda part: None).clip
    assert clip is not None
    return clip


def _walk(path: Path, output: Path) -> dict[str, object]:
    passage = Passage("0123456789ab-1", Request(path, output, str(path)), work_folders.make_work_folder(output, "0123456789ab-1"))
    receipt = road.walk(passage, SETTINGS, lambda stage, part: None)
    assert [each for each in output.iterdir() if each.name.startswith(".")] == []
    assert receipt.receipt is not None
    return json.loads(receipt.receipt.read_bytes())


def test_every_odd_file_has_its_line(shared_clips: Path) -> None:
    assert {path.name for path in (shared_clips / "odd").iterdir() if path.is_file()} == {*SOUND, *UNUSABLE}


@pytest.mark.parametrize("name", SOUND)
def test_sound_file_is_what_it_is(shared_clips: Path, name: str) -> None:
    frames, size, marks = SOUND[name]
    clip = _probe(shared_clips / "odd" / name)
    assert (clip.frames, (clip.width, clip.height), _marks(clip)) == (frames, size, set(marks.split()))
    decoded = [frame.pts for frame in media.frames(clip)]
    assert len(decoded) == frames
    assert decoded == sorted(set(decoded))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_file_is_one_clear_error_on_its_receipt(shared_clips: Path, tmp_path: Path, name: str) -> None:
    record = _walk(shared_clips / "odd" / name, tmp_path)
    assert record["outcome"] == "failed"
    assert record["error"]["title"] == UNUSABLE[name].title  # pyright: ignore[reportIndexIssue, reportArgumentType, reportCallIssue, reportUnknownVariableType]
    assert {path.name for path in tmp_path.iterdir()} == {f"{Path(name).stem}.receipt.json"}


@pytest.mark.parametrize("name", ["syn_one_frame.mp4", "trans_x.gif", "syn_wrong_ext_webm_as.mp4", "missing_stsd.mp4"])
def test_odd_but_sound_file_walks_the_whole_road(shared_clips: Path, tmp_path: Path, name: str) -> None:
    assert _walk(shared_clips / "odd" / name, tmp_path)["outcome"] in {"repaired", "kept", "flagged"}


def test_sound_of_which_the_file_does_not_say_what_it_is_is_told_of(shared_clips: Path) -> None:
    (track,) = inventories.of(_probe(shared_clips / "odd" / "missing_stsd.mp4")).tracks
    assert (track.kind, track.codec, track.trimmed, len(track.times)) == ("sound", "unknown", (0, 0), 45)


def test_dolby_vision_only_is_refused_with_the_reason(shared_clips: Path) -> None:
    clip = _probe(shared_clips / "odd" / "hevc_dovi_p5.mp4")
    with pytest.raises(RouteRefused, match="Dolby Vision"):
        encoding.choose(clip, Treatment(Route.SMOOTH))


SCRIPTS = {
    "ffconcat": "ffconcat version 1.0\nfile secret.mp4\n",
    "concat without header": "file 'secret.mp4'\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "hls after a mark": "\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "dash": "<?xml version='1.0'?>\n<MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period><BaseURL>secret.mp4</BaseURL></Period></MPD>\n",
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif", ".ts"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_script_in_disguise_is_refused_unread(tmp_path: Path, script: str, suffix: str) -> None:
    write(tmp_path / "secret.mp4", pan(2, (64, 48)))
    disguised = tmp_path / f"clip{suffix}"
    disguised.write_text(SCRIPTS[script], encoding="utf-8")
    with pytest.raises(RefusedClip, match="playlist or a script"):
        _probe(disguised)


def test_the_scripts_would_work_without_the_list(tmp_path: Path) -> None:
    import av

    write(tmp_path / "secret.mp4", pan(2, (64, 48)))
    disguised = tmp_path / "clip.mp4"
    disguised.write_text(SCRIPTS["ffconcat"])
    with av.open(str(disguised)) as container:
        assert len(list(container.decode(video=0))) == 2


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.avi", "a.gif", "a.ts"])
def test_damaged_bytes_never_crash(tmp_path: Path, name: str) -> None:
    codec, pixel_format = {"a.gif": ("gif", "rgb8"), "a.webm": ("libvpx-vp9", "yuv420p")}.get(name, ("mpeg4", "yuv420p"))
    content = write(tmp_path / name, pan(8, (64, 48)), codec=codec, pixel_format=pixel_format, options={"g": "4"}).read_bytes()
    random_ = random.Random(7)
    for _ in range(12):
        damaged = bytearray(content)
        for position in random_.sample(range(len(content)), 12):
            damaged[position] = random_.randrange(256)
        path = tmp_path / f"damaged{Path(name).suffix}"
        path.write_bytes(damaged)
        with suppress(ClipError):
            assert sum(frame.width for frame in media.frames(_probe(path))) > 0


def test_pictures_beyond_all_measure_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + bytes(4) + struct.pack(">I", 0) + b"IEND" + bytes(4))
    with pytest.raises(UnreadableClip):
        _probe(path)


@pytest.mark.skipif(os.name == "nt", reason="there are no pipes among files")
def test_pipe_in_the_folder_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(ClipError):
        _probe(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    "name", ["-y.mp4", "pipe:0.mp4", "a%03d.mp4", "a\nb.mp4", "🎬 é.mp4", "http:x.mp4", "subfile,,start,0,end,0,,:a.mp4"]
)
def test_names_are_names(tmp_path: Path, name: str) -> None:
    shutil.move(write(tmp_path / "plain.mp4", pan(2, (64, 48))), tmp_path / name)
    clip = _probe(tmp_path / name)
    chosen = encoding.choose(clip, Treatment(Route.SMOOTH))
    frames = (media.to_format(frame, media.working_format(clip)) for frame in media.frames(clip))
    assert frame_pipe.encode(Order(clip, frames, chosen, tmp_path / f"out {name}", SETTINGS)) == 2
