"""What an editor gives us comes back cuttable: times, sound, subtitles, chapters, attachments, tags."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from clipmaker import pan, write
from mediamaker import FILM, NTSC, OTHER_TONE, SETTINGS, SMOOTH, TONE, X264, delivered, ffprobe, made, working_frames
from PIL import Image

from deshimmer.config.profiles import Profile
from deshimmer.processors import encoding, media
from deshimmer.processors.checks import media_checks
from deshimmer.processors.inventory import inventories
from deshimmer.processors.prompts import finding
from deshimmer.processors.records import Route, Treatment
from deshimmer.processors.writing import carrying, frame_pipe
from deshimmer.processors.writing.orders import Order

PRORES = Treatment(Route.SMOOTH, profile=Profile.PRORES)
GAP = r"-vf select='not(between(n\,6\,15))' -fps_mode vfr"
BOTH = f"{NTSC} {TONE}"
TWO = f"{BOTH} -map 0 -map 1"
THREE = "-map 0 -map 1 -map 2"

# name of the file: FFmpeg's arguments
WHOLE: dict[str, str] = {
    "plain.mp4": f"{TWO} {X264} -bf 3 -c:a aac",
    "drop_frame.mov": f"{TWO} {X264} -bf 2 -c:a pcm_s24le -timecode 01:00:00;02",
    "drop_frame.mp4": f"{TWO} {X264} -bf 2 -c:a aac -timecode 01:00:00;02",
    "drop_frame.mkv": f"{TWO} {X264} -c:a flac -timecode 01:00:00;02",
    "timecode.mxf": f"{TWO} -c:v mpeg2video -b:v 3M -s 720x480 -c:a pcm_s16le -timecode 01:00:00;02",
    "two_audio.mp4": f"{NTSC} -itsoffset 0.3337 {TONE} -itsoffset 0.1011 {OTHER_TONE} -map 0 -map 1 -map 2 {X264} -bf 3 -c:a aac "
    "-metadata:s:a:0 language=deu -metadata:s:a:1 language=fra -metadata:s:a:1 title=Talk -disposition:a:0 0 -disposition:a:1 default+comment",
    "late_picture.mov": f"-itsoffset 0.2503 {NTSC} {TONE} -map 0 -map 1 {X264} -bf 3 -c:a aac",
    "early_sound.mp4": f"{NTSC} -itsoffset -0.5 {TONE} -map 0 -map 1 {X264} -c:a aac -copyts -avoid_negative_ts disabled",
    "late_sound.mkv": f"{NTSC} -itsoffset 0.3337 {TONE} -map 0 -map 1 {X264} -bf 3 -c:a libopus",
    "late_sound.ts": f"{NTSC} -itsoffset 0.3337 {TONE} -map 0 -map 1 {X264} -bf 3 -c:a ac3",
    "wrapped.ts": f"-itsoffset 95443 {NTSC} -itsoffset 95443 {TONE} -map 0 -map 1 {X264} -c:a aac -copyts -muxdelay 0",
    "gap.mp4": f"{FILM} {GAP} {X264} -bf 2",
    "gap.mkv": f"{FILM} {GAP} {X264} -bf 2",
    "tags.mp4": f"{BOTH} -i tags.txt -map 0 -map 1 -map_metadata 2 -map_chapters 2 {X264} -c:a aac",
    "tags.mov": f"{BOTH} -i tags.txt -map 0 -map 1 -map_metadata 2 -map_chapters 2 {X264} -c:a aac",
    "tags.mkv": f"{BOTH} -i tags.txt -map 0 -map 1 -map_metadata 2 -map_chapters 2 {X264} -c:a aac",
    "subtitles.mp4": f"{BOTH} -i words.srt {THREE} {X264} -c:a aac -c:s mov_text -metadata:s:s:0 language=spa -disposition:s:0 forced",
    "subtitles.mkv": f"{BOTH} -i words.srt {THREE} {X264} -c:a aac -c:s srt -metadata:s:s:0 title=Hard -disposition:s:0 hearing_impaired",
    "cover.mp4": f"{BOTH} -i cover.png {THREE} {X264} -c:a aac -c:v:1 copy -disposition:v:1 attached_pic",
    "attached.mkv": f"{TWO} {X264} -c:a aac -attach cover.png -metadata:s:t mimetype=image/png -metadata:s:t filename=cover.png "
    "-attach words.srt -metadata:s:t:1 mimetype=text/plain -metadata:s:t:1 filename=notes.txt",
    "two_angles.mp4": f"{NTSC} -f lavfi -i testsrc=s=64x48:r=25:d=1 {TONE} -map 0 -map 1 -map 2 {X264} -c:a aac",
    "two_clocks.mp4": f"{NTSC} -f lavfi -i testsrc=s=64x48:r=24000/1001:d=1 {TONE} {THREE} {X264} -c:a aac",
    "old_clock.mov": f"{TWO} {X264} -c:a aac -video_track_timescale 600",
    "pcm.avi": f"{TWO} -c:v mpeg4 -q:v 3 -c:a pcm_s16le",
    "fragments.mp4": f"{TWO} {X264} -c:a aac -movflags frag_keyframe+empty_moov",
    "hidden_frames.webm": f"{TWO} -c:v libvpx -deadline realtime -cpu-used 8 -b:v 300k -auto-alt-ref 1 -lag-in-frames 10 -c:a libvorbis",
}


def _lost(source: Path, treatment: Treatment = SMOOTH) -> tuple[list[str], tuple[str, ...], Path]:
    """What verification would call broken, the notes, and the result."""
    clip, result, chosen = delivered(source, treatment)
    found = inventories.differences(inventories.of(clip), inventories.of(result), treatment)
    unnamed = [each.detail for each in found if not media_checks.is_named(each, chosen.notes)]
    return unnamed, chosen.notes, result.path


@pytest.mark.parametrize("name", WHOLE)
def test_everything_is_as_it_was(tmp_path: Path, name: str) -> None:
    unnamed, notes, _ = _lost(made(tmp_path / name, WHOLE[name]))
    assert unnamed == []
    assert notes == ()


COARSE = {
    "clock.avi": f"{TWO} -c:v mpeg4 -q:v 3 -c:a libmp3lame",
    "clock.mpg": f"{TWO} -c:v mpeg2video -b:v 2M -c:a ac3 -f vob",
}


@pytest.mark.parametrize("name", COARSE)
def test_a_coarser_clock_rounds_and_says_so(tmp_path: Path, name: str) -> None:
    source = made(tmp_path / name, COARSE[name])
    unnamed, notes, path = _lost(source)
    assert unnamed == []
    assert any(each.startswith("times are rounded to 1 ms") for each in notes)
    before, after = inventories.take(source).pictures, inventories.take(path).pictures
    shift = after.at(0) - before.at(0)
    off = [after.at(index) - before.at(index) - shift for index in range(len(before.times))]
    assert max(map(abs, off)) <= Fraction(1, 1000)  # half a tick each, of this frame and the first
    assert after.time_base == Fraction(1, 1000)


def test_a_clock_that_holds_the_picture_and_not_the_sound_says_so(tmp_path: Path) -> None:
    """25 frames a second are whole milliseconds, packets of AAC are not."""
    source = made(tmp_path / "a.mp4", f"-f lavfi -i testsrc2=s=96x64:r=25:d=1 {TONE} -map 0 -map 1 {X264} -c:a aac")
    clip, result, chosen = delivered(source, Treatment(Route.SMOOTH, profile=Profile.FFV1))
    found = inventories.differences(inventories.of(clip), inventories.of(result), SMOOTH)
    assert [each.detail for each in found if not media_checks.is_named(each, chosen.notes)] == []
    assert any("rounded to 1 ms, the clock of .mkv" in note for note in chosen.notes)


def test_opus_of_webm_goes_into_mp4_with_what_its_clock_rounds(tmp_path: Path) -> None:
    source = made(tmp_path / "a.webm", f"{NTSC} {TONE} -map 0 -map 1 -c:v libvpx-vp9 -cpu-used 8 -deadline realtime -c:a libopus")
    clip, result, chosen = delivered(source, Treatment(Route.SMOOTH, profile=Profile.H264))
    (before,), (after,) = inventories.of(clip).tracks, inventories.of(result).tracks
    assert (result.container.split(",")[0], before.digest) == ("mov", after.digest)
    assert max(abs(a - b) for a, b in zip(before.trimmed, after.trimmed, strict=True)) <= 48
    found = inventories.differences(inventories.of(clip), inventories.of(result), SMOOTH)
    assert [each.detail for each in found if not media_checks.is_named(each, chosen.notes)] == []
    assert any("Opus" in note for note in chosen.notes)


def test_what_transport_streams_cannot_hold_is_named_one_by_one(tmp_path: Path) -> None:
    source = made(tmp_path / "a.ts", f"{TWO} {X264} -c:a aac")
    clip = media.probe(source)
    assert encoding.choose(clip, SMOOTH).notes == ()
    slow = encoding.choose(clip, Treatment(Route.INTERPOLATE, factor=2, slow_motion=True))
    assert slow.notes == ("audio track 1 (aac) is left out: slow motion changes the length",)


def test_transparency_keeps_sound_that_mov_cannot_hold(tmp_path: Path) -> None:
    source = made(
        tmp_path / "a.webm",
        f"-f lavfi -i color=red@0.5:s=64x48:r=25:d=0.4,format=yuva420p {TONE} -shortest -c:v libvpx-vp9 -deadline realtime -cpu-used 8 "
        "-c:a libopus",
    )
    unnamed, _, path = _lost(source, PRORES)
    assert unnamed == []
    assert path.suffix == ".mkv"
    with av.open(str(path)) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["prores", "opus"]  # pyright: ignore[reportAttributeAccessIssue]


def test_plain_subtitles_change_their_form_and_styled_ones_are_named(tmp_path: Path) -> None:
    alpha = "-f lavfi -i color=red@0.5:s=64x48:r=25:d=1,format=argb"
    source = made(tmp_path / "a.mkv", f"{alpha} -i words.srt -map 0 -map 1 -c:v png -pix_fmt rgba -c:s srt")
    unnamed, notes, path = _lost(source, PRORES)
    assert (unnamed, path.suffix) == ([], ".mov")
    track = next(each for each in inventories.take(path).tracks if each.kind == "subtitle")
    assert (track.codec, track.texts) == ("mov_text", ("hello", "two\nlines"))
    styled = tmp_path / "styled"
    styled.mkdir()
    (styled / "words.srt").write_text("1\n00:00:00,200 --> 00:00:00,500\n<i>hello</i>\n")
    source = made(styled / "a.mkv", f"{alpha} -i words.srt -map 0 -map 1 -c:v png -pix_fmt rgba -c:s srt")
    unnamed, notes, _ = _lost(source, PRORES)
    assert unnamed == []
    assert "subtitle track 1 (subrip) is left out: its style would be lost in .mov" in notes


def test_an_exact_rate_comes_back_where_the_clock_can_hold_it(tmp_path: Path) -> None:
    """Matroska's 1 ms cannot hold 23.976; mov can, and an editor takes anything else for a variable rate."""
    alpha = "-f lavfi -i color=red@0.5:s=64x48:r=24000/1001:d=1,format=rgba"
    unnamed, notes, path = _lost(made(tmp_path / "a.mkv", f"{alpha} -c:v png -pix_fmt rgba"), PRORES)
    assert unnamed == []
    assert any("exact at 24000/1001" in note for note in notes)
    found = inventories.take(path).pictures
    assert found.declared_rate == Fraction(24000, 1001)
    assert [found.at(index) - found.at(0) for index in range(24)] == [Fraction(1001 * index, 24000) for index in range(24)]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(25)])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_the_declared_rate_is_exact(tmp_path: Path, suffix: str, rate: Fraction) -> None:
    clip, result, _ = delivered(write(tmp_path / f"a.{suffix}", pan(8, (64, 48)), fps=rate))
    assert (result.frame_rate, inventories.of(result).pictures.declared_rate) == (rate, rate)
    assert result.time_base == clip.time_base


def test_nothing_drifts_over_an_hour(tmp_path: Path) -> None:
    """One frame in 290 of an hour at 23.976, and sound to its end."""
    ticks = [290 * 1001 * index for index in range(297)]

    def stamp(frame: av.VideoFrame, index: int) -> None:
        frame.pts, frame.time_base = ticks[index], Fraction(1, 24000)

    shots = pan(27, (32, 32)) * 11
    write(tmp_path / "picture.mov", shots, fps=Fraction(24000, 1001), on_frame=stamp)
    source = made(tmp_path / "a.mov", "-i picture.mov -f lavfi -i sine=440:r=8000:d=3590 -map 0 -map 1 -c:v copy -c:a pcm_mulaw")
    unnamed, notes, path = _lost(source)
    assert (unnamed, notes) == ([], ())
    found = inventories.take(path)
    assert [found.pictures.at(index) for index in range(297)] == [Fraction(tick, 24000) for tick in ticks]
    assert found.pictures.at(296) > 3580
    assert found.tracks[0].start == 0


def test_timecode_counts_at_the_new_rate(tmp_path: Path) -> None:
    clip = media.probe(made(tmp_path / "a.mov", f"{NTSC} {X264} -timecode 01:00:00;12"))
    twice = Treatment(Route.INTERPOLATE, factor=2)
    chosen = encoding.choose(clip, twice)
    output = tmp_path / "b.mov"

    def doubled() -> Any:
        for index, frame in enumerate(each for each in working_frames(clip) for _ in range(2)):
            again = av.VideoFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name)
            again.pts, again.time_base = index * 1001, Fraction(1, 60000)
            yield again

    frame_pipe.encode(Order(clip, doubled(), chosen, output, SETTINGS, frame_rate=Fraction(60000, 1001), expected_frames=60))
    assert inventories.take(output).timecode == "01:00:00;24"
    assert inventories.differences(inventories.of(clip), inventories.take(output), twice) == ()


def _with_box(path: Path, workflow: bytes) -> None:
    """Put ``wflo`` into the user data of an MP4 whose index stands last."""
    data = path.read_bytes()
    at = data.rindex(b"moov") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    wflo = struct.pack(">I", 12 + len(workflow)) + b"wflo" + bytes(4) + workflow
    moov = data[at + 8 : at + size]
    found = moov.find(b"udta")
    if found >= 0:
        start = found - 4
        old = struct.unpack(">I", moov[start : start + 4])[0]
        moov = moov[:start] + moov[start + old :]
    udta = struct.pack(">I", 8 + len(wflo)) + b"udta" + wflo
    path.write_bytes(data[:at] + struct.pack(">I", 8 + len(moov) + len(udta)) + b"moov" + moov + udta + data[at + size :])


def test_a_workflow_that_ffmpeg_does_not_see_is_carried(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", pan(3, (64, 48)))
    _with_box(source, b'{"nodes": [], "a": "=;#\\\\"}')
    unnamed, _, path = _lost(source)
    assert unnamed == []
    with av.open(str(path)) as container:
        assert container.metadata["workflow"] == '{"nodes": [], "a": "=;#\\\\"}'


def test_the_stored_prompt_of_an_animated_webp_is_found_in_the_result(tmp_path: Path, shared_clips: Path) -> None:
    source = tmp_path / "a.webp"
    with Image.open(shared_clips / "meta" / "comfy_wan21_t2v.webp") as real:
        exif = real.getexif()
    pictures = [Image.fromarray(shot.astype("uint8")) for shot in pan(3, (64, 48))]
    pictures[0].save(source, save_all=True, append_images=pictures[1:], duration=62, exif=exif)
    for treatment, suffix in ((SMOOTH, ".webp"), (PRORES, ".mov")):
        unnamed, _, path = _lost(source, treatment)
        assert unnamed == []
        assert path.suffix == suffix
        _is_found_alike(source, path)


def test_the_stored_prompt_of_a_real_file_is_found_in_the_result(tmp_path: Path, shared_clips: Path) -> None:
    for name in ("comfy_wan_ati.mp4", "vhs_comment_noise_warp.mp4"):
        (tmp_path / name).write_bytes((shared_clips / "meta" / name).read_bytes())
        source = made(tmp_path / f"small_{name}", f"-i {name} -vf scale=64:48 -frames:v 4 -movflags use_metadata_tags {X264}")
        unnamed, _, path = _lost(source)
        assert unnamed == []
        _is_found_alike(source, path)


def _is_found_alike(source: Path, path: Path) -> None:
    before, after = finding.find(source, source.parent), finding.find(path, path.parent)
    assert before is not None
    assert after is not None
    assert (after.prompt, after.seed, after.source) == (before.prompt, before.seed, before.source)


needs_ffprobe = pytest.mark.skipif(not os.path.exists("/usr/bin/ffprobe"), reason="Debian's ffmpeg is not there")


@needs_ffprobe
@pytest.mark.parametrize("name", ["two_audio.mp4", "drop_frame.mov", "subtitles.mkv", "late_sound.ts", "tags.mp4"])
def test_another_reader_sees_the_same(tmp_path: Path, name: str) -> None:
    source = made(tmp_path / name, WHOLE[name])
    _, _, path = _lost(source)
    asked = ("-show_streams", "-show_chapters", "-show_packets", "-show_data_hash", "md5")
    before, after = (ffprobe(each, *asked) for each in (source, path))
    kept = ("codec_type", "r_frame_rate", "avg_frame_rate", "time_base", "disposition")
    assert [{key: each.get(key) for key in kept} for each in after["streams"]] == [
        {key: each.get(key) for key in kept} for each in before["streams"]
    ]
    assert [(each["start"], each["end"], each["tags"]) for each in after["chapters"]] == [
        (each["start"], each["end"], each["tags"]) for each in before["chapters"]
    ]
    first = [min(float(packet["pts_time"]) for packet in each["packets"] if packet["codec_type"] == "video") for each in (before, after)]
    sound = [
        [
            (packet["stream_index"], round((float(packet["pts_time"]) - start) * 48000), packet["data_hash"])
            for packet in each["packets"]
            if packet["codec_type"] in ("audio", "subtitle")
        ]
        for each, start in zip((before, after), first, strict=True)
    ]
    assert sorted(sound[1]) == sorted(sound[0])


@pytest.mark.parametrize(("profile", "lost"), [("match", []), ("ffv1", ["canvas of subtitle track 1 (dvd_subtitle)"])])
def test_pictures_of_vobsub_keep_their_canvas_and_colours(shared_clips: Path, tmp_path: Path, profile: str, lost: list[str]) -> None:
    """FFmpeg's copy of MP4's says 720x480, and rounds the palette."""
    source = tmp_path / "a.mp4"
    source.write_bytes((shared_clips / "odd" / "with_vobsub.mp4").read_bytes())
    clip, result, chosen = delivered(source, replace(SMOOTH, profile=Profile(profile)))
    before, after = inventories.of(clip), inventories.of(result)
    said = before.of_kind("subtitle")[0].canvas
    assert said is not None
    assert (said.size, len(said.colours)) == ((1280, 720), 16)
    found = [each for each in inventories.differences(before, after, SMOOTH) if each.subject.startswith(("canvas", "colours"))]
    assert [each.subject for each in found] == lost
    assert all(media_checks.is_named(each, chosen.notes) for each in found)


def test_vobsub_of_matroska_says_the_same_in_mp4_but_for_rounding(shared_clips: Path, tmp_path: Path) -> None:
    source = made(tmp_path / "a.mkv", f"-i {shared_clips}/odd/with_vobsub.mp4 -map 0 -c copy")
    copied = made(tmp_path / "b.mp4", "-i a.mkv -map 0 -c copy")
    found = [each.subject for each in inventories.differences(inventories.take(source), inventories.take(copied), SMOOTH)]
    assert {"canvas of subtitle track 1 (dvd_subtitle)", "colours of subtitle track 1 (dvd_subtitle)"} <= set(found)
    clip = media.probe(source)
    lost = carrying.choose(clip, SMOOTH, {"c:v": "libx264"}, ("mp4",)).lost
    assert [each for each in lost if each.startswith(("canvas", "colours"))] == [
        "colours of subtitle track 1 (dvd_subtitle) are rounded by a level or two: .mp4 holds them as YUV",
        "canvas of subtitle track 1 (dvd_subtitle) is 720x480 in .mp4: the source says none",
    ]


@pytest.mark.parametrize(("first", "packets", "last"), [(0, 1, 1014), (0, 1, 700), (-1024, 1, 700), (-1024, 2, 1014), (-1024, 2, 700)])
def test_a_short_last_sample_of_a_packet_or_two_is_no_loss_in_matroska(tmp_path: Path, first: int, packets: int, last: int) -> None:
    long = made(tmp_path / "long.mov", f"-f lavfi -i testsrc2=s=96x64:r=25:d=0.4 {TONE} {X264} -bf 0 -c:a aac")
    source = tmp_path / "a.mov"
    with av.open(str(long)) as container, av.open(str(source), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in container.streams}
        count = 0
        for packet in container.demux():
            if packet.dts is None or (packet.stream.type == "audio" and count == packets):
                continue
            if packet.stream.type == "audio":
                count += 1
                packet.pts = packet.dts = first + 1024 * (count - 1)
                packet.duration = last if count == packets else 1024
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    clip, result, chosen = delivered(source, replace(SMOOTH, profile=Profile.FFV1))
    found = inventories.differences(inventories.of(clip), inventories.of(result), SMOOTH)
    assert [each for each in found if not media_checks.is_named(each, chosen.notes)] == []
