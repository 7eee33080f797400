"""Results that are folders of frames: their pictures, names, tags and depth; and that they take their place whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clipmaker import pan, patch_flicker, write
from framemaker import picture, write_frame, write_frames
from mediamaker import made
from PIL import Image

from deshimmer.config.errors import MissingFrames, RouteRefused
from deshimmer.config.profiles import Profile
from deshimmer.config.settings import Settings
from deshimmer.processors import afterwards, api, diagnosis, encoding, media, results, verification, work_folders
from deshimmer.processors.animations import png_chunks
from deshimmer.processors.checks import picture_checks
from deshimmer.processors.prompts import picture_texts
from deshimmer.processors.records import Candidate, Clip, Outcome, Receipt, Route, Treatment
from deshimmer.processors.reports import proxy
from deshimmer.processors.sequences import frame_files, tiff_alpha
from deshimmer.processors.writing.orders import Order

SETTINGS = Settings()
SHOTS = pan(3, (48, 32))
GRAPH = '{"3": {"class_type": "KSampler", "inputs": {}}}'


def delivered(source: Path, output: Path, treatment: Treatment | None = None) -> tuple[Clip, encoding.Encoding]:
    """The clip, unchanged, on its way through the working format and back."""
    clip = media.probe(source)
    chosen = encoding.choose(clip, treatment or Treatment(Route.SMOOTH))
    assert results.write(Order(clip, _working(clip), chosen, output, SETTINGS)) == clip.frames
    return media.probe_result(output, clip), chosen


def _working(clip: Clip) -> Iterator[av.VideoFrame]:
    for frame in media.frames(clip):
        yield media.to_format(frame, media.working_format(clip))


@pytest.mark.parametrize(
    ("pattern", "pixel_format", "alpha", "profile", "names", "kept_as", "error"),
    [
        ("fr {:04d}_.png", "rgb24", None, Profile.MATCH, "fr 1001_.png", "rgb24", 0),
        ("100%d é {}.png", "rgb48le", None, Profile.MATCH, "100%d é 1001.png", "rgb48le", 6),
        ("f{}.png", "rgba", 0.5, Profile.MATCH, "f1001.png", "rgba", 1),
        ("f{}.png", "gray", None, Profile.MATCH, "f1001.png", "gray", 0),
        ("f{}.JPG", "rgb24", None, Profile.MATCH, "f1001.png", "rgb24", 0),
        ("f_{}.tiff", "rgba64le", 0.25, Profile.MATCH, "f_1001.tiff", "rgba64le", 6),
        ("f_{}.exr", "rgb48le", None, Profile.MATCH, "f_1001.exr", "rgb48le", 6),
        ("f_{}.png", "rgb24", None, Profile.EXR, "f_1001.exr", "rgb48le", 128),
        ("f_{}.png", "rgb24", None, Profile.TIFF, "f_1001.tif", "rgb24", 0),
    ],
)
def test_pictures_names_and_depth_are_kept(
    tmp_path: Path, pattern: str, pixel_format: str, alpha: float | None, profile: Profile, names: str, kept_as: str, error: int
) -> None:
    source = write_frames(tmp_path / "50% of it", pattern, SHOTS, first=1001, pixel_format=pixel_format, alpha=alpha)
    clip = media.probe(source)
    (tmp_path / "50% work").mkdir()
    result, _ = delivered(source, tmp_path / "50% work" / "candidate-0", Treatment(Route.SMOOTH, profile=profile))
    assert min(name for name in os.listdir(result.path) if not name.endswith(".json")) == names
    assert (result.pixel_format, result.has_alpha, result.frames) == (kept_as, alpha is not None, 3)
    for before, after in zip(media.frames(clip), media.frames(result), strict=True):
        wanted = before.to_ndarray(format=after.format.name).astype(int)
        assert np.abs(after.to_ndarray().astype(int) - wanted).max() <= error
    assert not (tmp_path / "50% work" / "candidate-0.raw").exists()


def test_half_floats_stay_half_and_debanded_frames_get_sixteen_bits(tmp_path: Path) -> None:
    halves = write_frames(tmp_path / "halves", "f{}.png", SHOTS)
    result, chosen = delivered(halves, tmp_path / "exr", Treatment(Route.SMOOTH, profile=Profile.EXR))
    assert frame_files.is_half(result.path / "f1.exr")
    assert "half floats" in chosen.description
    again, _ = delivered(result.path, tmp_path / "again")
    assert frame_files.is_half(again.path / "f1.exr")
    debanded, _ = delivered(halves, tmp_path / "deep", Treatment(Route.DEBAND, deband=True))
    assert debanded.bit_depth == 16


@pytest.mark.parametrize(
    ("source", "profile", "said"),
    [
        ("exr", Profile.MATCH, None),
        ("exr", Profile.PNG, "multiplied by their alpha already"),
        ("exr", Profile.FFV1, "multiplied by their alpha already"),
        ("exr", Profile.TIFF, None),
        ("tiff", Profile.EXR, "not multiplied by their alpha"),
        ("png", Profile.EXR, "not multiplied by their alpha"),
        ("png", Profile.FFV1, None),
    ],
)
def test_what_colours_mean_beside_their_alpha_is_told(tmp_path: Path, source: str, profile: Profile, said: str | None) -> None:
    frames = write_frames(tmp_path / "a", f"f_{{}}.{source}", SHOTS, pixel_format="rgba64le", alpha=0.5)
    notes = encoding.choose(media.probe(frames), Treatment(Route.SMOOTH, profile=profile)).notes
    assert [note for note in notes if "multiplied" in note] == [note for note in notes if said and said in note]
    assert said is None or any(said in note for note in notes)


@pytest.mark.parametrize("is_multiplied", [False, True])
def test_tiff_says_what_its_colours_are_beside_their_alpha(tmp_path: Path, is_multiplied: bool) -> None:
    frames = write_frames(tmp_path / "a", "f_{}.tiff", SHOTS, pixel_format="rgba64le", alpha=0.5)
    for file in frames.iterdir() if is_multiplied else ():
        tiff_alpha.say_multiplied(file)
    notes = encoding.choose(media.probe(frames), Treatment(Route.SMOOTH, profile=Profile.PNG)).notes
    assert any("multiplied by their alpha already" in note for note in notes) == is_multiplied
    delivered(frames, tmp_path / "b")
    for file in (tmp_path / "b").glob("*.tiff"):
        with Image.open(file) as picture:
            assert picture.tag_v2[338] == ((1,) if is_multiplied else (2,))  # pyright: ignore
    assert len([*(tmp_path / "b").glob("*.tiff")]) == len(SHOTS)


def test_light_multiplied_by_its_alpha_comes_back_so(tmp_path: Path) -> None:
    """Compositors' EXR, with light that is seen though its alpha is 0."""
    rows, columns = np.mgrid[0:48, 0:64].astype(np.float32)
    alpha = columns / 63
    light = np.dstack([0.8 * rows / 47 * alpha, 0.5 * alpha, 0.2 * (1 - alpha) * rows / 47, alpha])
    (tmp_path / "a").mkdir()
    for number in (1, 2, 3):
        _write_light(tmp_path / "a" / f"f_{number}.exr", light)
    delivered(tmp_path / "a", tmp_path / "b")
    files = sorted((tmp_path / "b").glob("*.exr"))
    assert len(files) == 3
    for file in files:
        assert np.abs(_light(file) - light).max() < 0.003


def _write_light(path: Path, light: np.ndarray) -> None:
    frame = av.VideoFrame(64, 48, "gbrapf32le")
    for plane, channel in zip(frame.planes, (1, 2, 0, 3), strict=True):
        padded = np.zeros((48, plane.line_size // 4), np.float32)
        padded[:, :64] = light[..., channel]
        plane.update(padded)
    encoder = av.CodecContext.create("exr", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "gbrapf32le", Fraction(1, 25)
    encoder.options = {"format": "half"}
    path.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))


def _light(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    kind = np.float16 if "f16" in frame.format.name else np.float32
    planes = [np.frombuffer(plane, kind).reshape(48, -1)[:, :64].astype(np.float32) for plane in frame.planes]
    return np.dstack([planes[2], planes[0], planes[1], planes[3]])


def test_texts_and_colours_of_png_come_along(tmp_path: Path) -> None:
    source = write_frames(tmp_path / "shot", "f{}.png", SHOTS)
    said = (
        *png_chunks.texts([("prompt", GRAPH)]),
        png_chunks.Chunk(b"gAMA", b"\0\0\xb1\x8f"),
        png_chunks.Chunk(b"pHYs", b"\0\0\1\0\0\0\1\0\1"),
    )
    for index in (1, 2, 3):
        plain = (source / f"f{index}.png").rename(tmp_path / "plain")
        png_chunks.write(plain, source / f"f{index}.png", (*said, *png_chunks.texts([("frame", str(index))])))
    result, _ = delivered(source, tmp_path / "result")
    for index in (1, 2, 3):
        assert picture_texts.read(result.path / f"f{index}.png") == {"prompt": GRAPH, "frame": str(index)}
        assert set(png_chunks.kept(result.path / f"f{index}.png")) == set(png_chunks.kept(source / f"f{index}.png"))


@pytest.mark.parametrize(("matrix", "pixel_format"), [(6, "yuv420p"), (1, "yuv422p"), (9, "yuv420p10le")])
def test_a_movie_becomes_frames_in_its_own_colours(tmp_path: Path, matrix: int, pixel_format: str) -> None:
    def tag(frame: av.VideoFrame, index: int) -> None:
        frame.colorspace, frame.color_range = matrix, 1

    source = write(
        tmp_path / "a.mkv",
        pan(3, (64, 48)),
        fps=Fraction(24000, 1001),
        codec="ffv1",
        pixel_format=pixel_format,
        on_frame=tag,
        options={"level": "3"},
    )
    result, _ = delivered(source, tmp_path / "result", Treatment(Route.SMOOTH, profile=Profile.PNG))
    clip = media.probe(source)
    assert sorted(os.listdir(result.path)) == ["a_0001.png", "a_0002.png", "a_0003.png", "frames.deshimmer.json"]
    assert (result.frame_rate, result.bit_depth) == (Fraction(24000, 1001), 8 if clip.bit_depth == 8 else 16)
    assert abs(result.duration - clip.duration) < Fraction(1, 500)
    scale = 2 ** (clip.bit_depth - 8)
    for before, after in zip(media.frames(clip), media.frames(result), strict=True):
        lumas = (media.planes(before).y.astype(float) / scale, media.planes(after).y.astype(float) / (1 if result.bit_depth == 8 else 256))
        assert np.abs(lumas[0] - lumas[1]).mean() < 0.6, "the matrix was another"


def test_what_frames_cannot_say_is_refused_or_told(tmp_path: Path) -> None:
    clip = media.probe(write(tmp_path / "a.mp4", pan(2)))
    to_frames = Treatment(Route.SMOOTH, profile=Profile.PNG)
    with pytest.raises(RouteRefused, match="differently long"):
        encoding.choose(_with(clip, variable_frame_rate=True), to_frames)
    with pytest.raises(RouteRefused, match="not square"):
        encoding.choose(_with(clip, sample_aspect=Fraction(4, 3)), to_frames)
    with pytest.raises(RouteRefused, match="turned"):
        encoding.choose(_with(clip, rotation=90), to_frames)


def test_pixels_that_any_scaling_leaves_not_quite_square_are_square_for_frames(tmp_path: Path) -> None:
    source = made(
        tmp_path / "a.mp4", "-f lavfi -i testsrc2=s=856x480:r=24 -frames:v 3 -vf scale=854:480,setsar=427/426:max=1000 -c:v libx264 -crf 12"
    )
    clip = media.probe(source)
    assert clip.sample_aspect == Fraction(427, 426)
    treatment = Treatment(Route.SMOOTH, profile=Profile.PNG)
    _, chosen = delivered(source, tmp_path / "out", treatment)
    assert any(note.startswith("pixel aspect 427:426 is left out") for note in chosen.notes)
    candidate = Candidate(tmp_path / "out", treatment, chosen.description, clip.frames, 0.0, chosen.notes)
    verdict = verification.verify(clip, diagnosis.diagnose(clip, None, lambda _: None), candidate, None, SETTINGS, lambda _: None)
    assert not verdict.broken, verdict.reason


def _with(clip: Clip, **values: object) -> Clip:
    return replace(clip, **values)  # pyright: ignore[reportArgumentType]


def test_the_channels_that_get_lost_are_named(tmp_path: Path) -> None:
    path = write_frame(tmp_path / "f1.exr", picture(SHOTS[0], "rgb48le"))
    channels = b"channels\0chlist\0" + (55).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(channels + b"B\0", channels + b"Z\0"))
    assert frame_files.other_channels(path) == ("Z",)


@pytest.fixture(scope="module")
def flickering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shots = patch_flicker(pan(16, (160, 96)), 10)
    return write_frames(tmp_path_factory.mktemp("render") / "shot.v2", "f.{:03d}.png", shots, first=7)


@pytest.fixture(scope="module")
def repaired(flickering: Path) -> Receipt:
    return api.fix(flickering)


def test_a_folder_is_repaired_and_comes_back_as_one(flickering: Path, repaired: Receipt) -> None:
    assert (repaired.outcome, repaired.verified) == (Outcome.REPAIRED, True), repaired.reason
    assert repaired.output == flickering.parent / "deshimmered" / "shot.v2.deshimmered"
    assert [file for file in sorted(os.listdir(repaired.output)) if file.endswith(".png")] == [f"f.{n:03d}.png" for n in range(7, 23)]
    assert repaired.comparison is not None
    assert repaired.comparison.name == "shot.v2.comparison.mp4"
    assert repaired.details["clip"]["frame_rate"] == "24"
    assert sorted(os.listdir(flickering)) == [f"f.{n:03d}.png" for n in range(7, 23)]


def test_it_is_measured_and_shown_as_any_clip(flickering: Path, repaired: Receipt, tmp_path: Path) -> None:
    assert repaired.output is not None
    assert api.diagnose(repaired.output).diagnosis.reading.flicker_score < api.diagnose(flickering).diagnosis.reading.flicker_score
    assert not proxy.plays_in_browsers(flickering)
    proxy.make(repaired.output, tmp_path / "proxy.mp4", SETTINGS, lambda part: None)
    assert (media.probe(tmp_path / "proxy.mp4").frames, media.probe(tmp_path / "proxy.mp4").frame_rate) == (16, 24)


def test_more_frames_go_on_counting_with_the_texts_of_those_they_come_from(tmp_path: Path) -> None:
    source = write_frames(tmp_path / "shot", "f{}.png", SHOTS, first=8)
    for index in (8, 9, 10):
        plain = (source / f"f{index}.png").rename(tmp_path / "plain")
        png_chunks.write(plain, source / f"f{index}.png", png_chunks.texts([("n", str(index))]))
    clip, twice = media.probe(source), Treatment(Route.INTERPOLATE, factor=2)
    chosen = encoding.choose(clip, twice)
    written = results.write(Order(clip, _twice(clip), chosen, tmp_path / "result", SETTINGS, frame_rate=Fraction(48)))
    found = media.probe(tmp_path / "result")
    assert (written, found.frames, found.frame_rate) == (6, 6, 48)
    assert [picture_texts.read(tmp_path / "result" / f"f{n}.png")["n"] for n in range(8, 14)] == ["8", "8", "9", "9", "10", "10"]


def _twice(clip: Clip) -> Iterator[av.VideoFrame]:
    for index in range(2 * clip.frames):
        made = next(frame for place, frame in enumerate(_working(clip)) if place == index // 2)
        made.pts, made.time_base = index, Fraction(1, 48)
        yield made


def test_a_gap_is_an_error_before_anything_is_done(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "shot", "f{}.png", SHOTS)
    (folder / "f2.png").unlink()
    for treat in (api.fix, api.diagnose, api.stored_prompt):
        with pytest.raises(MissingFrames, match="f2 is missing"):
            treat(folder)
    assert os.listdir(tmp_path) == ["shot"]


def _folder(path: Path, *names: str) -> Path:
    path.mkdir(parents=True)
    for name in names:
        (path / name).write_text(f"{path.name}/{name}")
    return path


def test_a_result_of_frames_takes_the_place_of_the_former_whole(tmp_path: Path) -> None:
    staged, target = _folder(tmp_path / "work" / "candidate-0", "f1.png"), _folder(tmp_path / "a.deshimmered", "f1.png", "f2.png")
    work_folders.move(staged, target)
    assert os.listdir(target) == ["f1.png"]
    assert (target / "f1.png").read_text() == "candidate-0/f1.png"
    assert not staged.exists()


@pytest.mark.parametrize("point", [1, 2])
def test_a_delivery_that_is_killed_leaves_the_old_or_the_new(
    tmp_path: Path, point: int, monkeypatch: pytest.MonkeyPatch, repaired: Receipt
) -> None:
    """Killed before or after either rename; then taken back, or carried out to its end."""
    renames: list[int] = []
    whole: Callable[..., None] = os.replace

    def killed(source: Path, target: Path) -> None:
        renames.append(1)
        if len(renames) == point:
            raise KeyboardInterrupt
        whole(source, target)

    for ends in ("taken back", "carried out"):
        place = tmp_path / ends
        staged, target = _folder(place / "work" / "candidate-0", "f1.png"), _folder(place / "a.deshimmered", "f1.png", "f2.png")
        work_folders.write_intent(place / "work", [(staged, target)], [], repaired)
        renames.clear()
        monkeypatch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            work_folders.move(staged, target)
        monkeypatch.setattr(os, "replace", whole)
        if ends == "carried out":
            work_folders.move(staged, target)
            assert os.listdir(target) == ["f1.png"]
        else:
            work_folders.write_intent(place / "work", [(staged, target)], [], _elsewhere(repaired, place))
            work_folders.take_back(place / "work")
            assert sorted(os.listdir(target)) == ["f1.png", "f2.png"]
            assert (target / "f1.png").read_text() == "a.deshimmered/f1.png"


def _elsewhere(receipt: Receipt, folder: Path) -> Receipt:
    return replace(receipt, receipt=folder / "none.json")


def test_what_somebody_put_into_a_result_stays(tmp_path: Path) -> None:
    result = _folder(tmp_path / "a.deshimmered", "f1.png", "frames.deshimmer.json", "grade.drp")
    work_folders.remove(result)
    assert os.listdir(result) == ["grade.drp"]
    (result / "grade.drp").unlink()
    work_folders.remove(result)
    assert not result.exists()


def test_repairing_again_replaces_it_and_keeping_the_original_removes_it(flickering: Path, repaired: Receipt) -> None:
    second = api.fix(flickering, strength=0.8, comparison=False)
    assert second.output == repaired.output
    assert second.output is not None
    assert len(os.listdir(second.output)) == 17
    assert not (second.output.parent / work_folders.ROOT).exists()
    afterwards.keep_original(second)
    assert not second.output.exists()


@pytest.mark.parametrize(("pixel_format", "profile"), [("rgba", "match"), ("rgba64le", "match"), ("rgba", "prores"), ("rgba", "ffv1")])
def test_alpha_of_every_level_comes_back_exactly(tmp_path: Path, pixel_format: str, profile: str) -> None:
    deep = "64" in pixel_format
    shot = np.zeros((16, 256, 4), np.uint16 if deep else np.uint8)
    shot[..., :3], shot[..., 3] = 120, np.arange(256) * (257 if deep else 1)
    source = tmp_path / "shot"
    source.mkdir()
    for index in range(3):
        write_frame(source / f"f_{index:04d}.png", av.VideoFrame.from_ndarray(np.roll(shot, index, axis=1), format=pixel_format))
    output = tmp_path / ("out" if profile == "match" else "out.mkv")
    result, _ = delivered(source, output, Treatment(Route.SMOOTH, profile=Profile(profile)))
    assert picture_checks.alpha_change(media.probe(source), result) == (0.0, 0.0)


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.6, 0.75])
def test_half_transparent_frames_pass(tmp_path: Path, alpha: float) -> None:
    source = write_frames(tmp_path / "shot", "f_{:04d}.png", pan(3, (64, 48)), pixel_format="rgba", alpha=alpha)
    result, chosen = delivered(source, tmp_path / "out")
    made = Candidate(tmp_path / "out", Treatment(Route.SMOOTH), chosen.description, result.frames, 0.0)
    assert [check for check in picture_checks.of(media.probe(source), result, made, SETTINGS) if not check.passed] == []
