"""Animated GIF, APNG and WebP: read with their times, and given back as what they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clipmaker import pan, patch_flicker
from PIL import Image, PngImagePlugin

from deshimmer.config.profiles import Profile
from deshimmer.config.settings import Settings
from deshimmer.processors import api, encoding, media, results
from deshimmer.processors.animations import animation_files, png_chunks, webp, webp_parts
from deshimmer.processors.prompts import picture_texts
from deshimmer.processors.records import Clip, Outcome, Route, Treatment
from deshimmer.processors.writing.orders import Order

SETTINGS = Settings()
SMOOTH = Treatment(Route.SMOOTH)
DELAYS_MS = [120, 40, 40, 250]
GRAPH = '{"3": {"class_type": "KSampler", "inputs": {}}}'


def _images(alpha: int | None = None) -> list[Image.Image]:
    made: list[Image.Image] = []
    for shot in pan(4, (64, 48)):
        image = Image.fromarray(shot.round().astype(np.uint8))
        if alpha is not None:
            image.putalpha(Image.new("L", image.size, 255))
            image.paste((0, 0, 0, alpha), (0, 0, 20, 20))
        made.append(image)
    return made


def _gif(folder: Path, *, alpha: int | None = None, loop: int | None = 3) -> Path:
    first, *others = _images(alpha)
    path = folder / "a.gif"
    said = {} if loop is None else {"loop": loop}
    first.save(path, save_all=True, append_images=others, duration=DELAYS_MS, comment=b"made by hand", disposal=2, **said)
    return path


def _apng(folder: Path, *, alpha: int | None = None) -> Path:
    first, *others = _images(alpha)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("prompt", GRAPH)
    first.save(folder / "a.png", save_all=True, append_images=others, duration=DELAYS_MS, loop=2, pnginfo=texts)
    return folder / "a.png"


def _webp(folder: Path, *, alpha: int | None = None, lossless: bool = True) -> Path:
    first, *others = _images(alpha)
    exif = Image.Exif()
    exif[0x0110] = f"prompt:{GRAPH}"
    first.save(folder / "a.webp", save_all=True, append_images=others, duration=DELAYS_MS, loop=5, lossless=lossless, exif=exif)
    return folder / "a.webp"


def delivered(source: Path, treatment: Treatment = SMOOTH) -> tuple[Clip, Clip, encoding.Encoding]:
    clip = media.probe(source)
    chosen = encoding.choose(clip, treatment)
    output = source.with_name(f"delivered{chosen.suffix}")
    assert results.write(Order(clip, _working(clip), chosen, output, SETTINGS)) == clip.frames
    return clip, media.probe(output), chosen


def _working(clip: Clip) -> Iterator[av.VideoFrame]:
    for frame in media.frames(clip):
        yield media.to_format(frame, media.working_format(clip))


def _times_ms(clip: Clip) -> list[Fraction]:
    return [(frame.pts or 0) * clip.time_base * 1000 for frame in media.frames(clip)]


def _differences(before: Clip, after: Clip) -> float:
    pairs = zip(media.frames(before), media.frames(after), strict=True)
    return max(
        float(np.abs(one.to_ndarray(format="rgba").astype(int) - two.to_ndarray(format="rgba").astype(int)).mean()) for one, two in pairs
    )


@pytest.mark.parametrize(
    ("make", "container", "plays", "error"),
    [(_gif, "gif", 3, 4.0), (_apng, "apng", 2, 0.0), (_webp, webp.CONTAINER, 5, 0.0)],
    ids=["gif", "apng", "webp"],
)
@pytest.mark.parametrize("alpha", [None, 0])
def test_it_comes_back_as_what_it_was(tmp_path: Path, make: type, container: str, plays: int, error: float, alpha: int | None) -> None:
    source, result, chosen = delivered(make(tmp_path, alpha=alpha))
    assert (source.container, result.container) == (container, container)
    assert chosen.suffix == source.path.suffix
    assert (result.frames, result.has_alpha, result.width, result.height) == (4, alpha is not None, 64, 48)
    assert _times_ms(result) == _times_ms(source) == [0, 120, 160, 200]
    assert animation_files.loops(result) == animation_files.loops(source) == plays
    assert animation_files.last_delay(result) == animation_files.last_delay(source)
    assert _differences(source, result) <= (error if alpha is None else error + 0.3)


def test_what_is_written_in_it_comes_along(tmp_path: Path) -> None:
    assert animation_files.comments(delivered(_gif(tmp_path))[1].path) == ("made by hand",)
    _, apng, _ = delivered(_apng(tmp_path))
    assert picture_texts.read(apng.path) == {"prompt": GRAPH}
    assert png_chunks.kept(apng.path) == png_chunks.kept(tmp_path / "a.png")
    source, animated, _ = delivered(_webp(tmp_path))
    assert picture_texts.read(animated.path) == {"prompt": GRAPH}
    assert webp.facts(animated.path) == webp.facts(source.path)


def test_a_gif_that_plays_once_goes_on_to(tmp_path: Path) -> None:
    source, result, _ = delivered(_gif(tmp_path, loop=None))
    assert animation_files.loops(source) == animation_files.loops(result) == animation_files.ONCE


def test_a_webp_of_one_frame_stays_an_animation(tmp_path: Path) -> None:
    """FFmpeg writes a still where there is one frame."""
    whole = _webp(tmp_path, alpha=0).read_bytes()
    parts = [part for part in webp_parts.parts(whole) if part.kind != b"ANMF"]
    frame = next(part for part in webp_parts.parts(whole) if part.kind == b"ANMF")
    content = b"WEBP" + b"".join(
        part.kind + len(part.data).to_bytes(4, "little") + part.data + b"\0" * (len(part.data) % 2)
        for part in (*parts[:2], frame, *parts[2:])
    )
    path = tmp_path / "a.webp"
    path.write_bytes(b"RIFF" + len(content).to_bytes(4, "little") + content)
    source, result, _ = delivered(path)
    assert webp.facts(result.path) == webp.facts(source.path)
    assert animation_files.loops(result) == 5
    assert _differences(source, result) == 0
    assert picture_texts.read(result.path) == {"prompt": GRAPH}


def test_a_prompt_that_names_a_chunk_is_no_chunk(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("prompt", "acTL is how an APNG begins")
    first, *others = _images()
    first.save(tmp_path / "a.png", save_all=True, append_images=others, duration=DELAYS_MS, loop=2, pnginfo=texts)
    data = (tmp_path / "a.png").read_bytes()
    begin, end = next((begin, end) for kind, begin, end in png_chunks.spans(data) if kind == b"tEXt")
    head = 8 + 25
    (tmp_path / "a.png").write_bytes(data[:head] + data[begin:end] + data[head:begin] + data[end:])  # before the chunk itself
    assert animation_files.loops(media.probe(tmp_path / "a.png")) == 2


def test_lossy_webp_stays_lossy_and_small(tmp_path: Path) -> None:
    source, result, chosen = delivered(_webp(tmp_path, lossless=False))
    assert "quality 95" in chosen.description
    assert not animation_files.is_lossless_webp(result.path)
    assert _differences(source, result) < 3


@pytest.mark.parametrize("make", [_gif, _apng, _webp], ids=["gif", "apng", "webp"])
@pytest.mark.parametrize("alpha", [None, 0])
def test_frames_that_repeat_come_back_each(tmp_path: Path, make: type, alpha: int | None) -> None:
    """libwebp leaves them out."""
    clip = media.probe(make(tmp_path, alpha=alpha))
    chosen = encoding.choose(clip, SMOOTH)
    output = tmp_path / f"delivered{chosen.suffix}"
    tick = clip.time_base.denominator // 100 * clip.time_base.numerator
    shown = [frame for frame in _working(clip) for _ in range(3)]
    results.write(Order(clip, _retimed(shown, 4 * tick), chosen, output, SETTINGS, frame_rate=Fraction(25), expected_frames=12))
    result = media.probe(output)
    assert (result.frames, _times_ms(result)) == (12, [40 * index for index in range(12)])
    each = [frame.to_ndarray(format="rgba").astype(int) for frame in media.frames(result)]
    assert max(float(np.abs(each[3 * at] - other).max()) for at in range(4) for other in each[3 * at + 1 : 3 * at + 3]) == 0
    sources = [frame.to_ndarray(format="rgba").astype(int) for frame in media.frames(clip)]
    assert max(float(np.abs(one - two).mean()) for one, two in zip(sources, each[::3], strict=True)) < (4.0 if make is _gif else 1.0)


def test_a_webp_of_one_picture_has_all_its_frames(tmp_path: Path) -> None:
    clip = media.probe(_webp(tmp_path))
    chosen = encoding.choose(clip, SMOOTH)
    still = next(_working(clip))
    results.write(Order(clip, _retimed([still] * 3, 40), chosen, tmp_path / "b.webp", SETTINGS, frame_rate=Fraction(25), expected_frames=3))
    assert _times_ms(media.probe(tmp_path / "b.webp")) == [0, 40, 80]


def _retimed(frames: list[av.VideoFrame], step: int) -> Iterator[av.VideoFrame]:
    for index, frame in enumerate(frames):
        frame.pts = index * step
        yield frame


def test_the_times_of_an_apng_are_exact(tmp_path: Path) -> None:
    """FFmpeg rounds each delay to 10 microseconds."""
    with av.open(str(tmp_path / "a.png"), "w", format="apng") as container:
        stream = container.add_stream("apng", rate=12)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for shot in pan(40, (64, 48)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shot.round().astype(np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    clip = media.probe(tmp_path / "a.png")
    assert (clip.frame_rate, clip.variable_frame_rate) == (12, False)
    assert _times_ms(clip) == [Fraction(1000 * index, 12) for index in range(40)]


def test_a_movie_where_one_is_asked_for_or_nothing_else_will_do(tmp_path: Path) -> None:
    clip = media.probe(_gif(tmp_path))
    even = replace(clip, variable_frame_rate=False)
    assert encoding.choose(even, replace(SMOOTH, profile=Profile.PNG)).frames_of == "png"
    movie = encoding.choose(clip, replace(SMOOTH, as_movie=True))
    assert movie.suffix == ".mkv"
    assert any("256 colours" in note for note in movie.notes)
    fast = encoding.choose(clip, Treatment(Route.INTERPOLATE, fps=Fraction(60)))
    assert any("more than 50 frames" in note for note in fast.notes)


def test_a_flickering_gif_is_repaired_as_a_gif(tmp_path: Path) -> None:
    images = [Image.fromarray(shot.round().astype(np.uint8)) for shot in patch_flicker(pan(12, (96, 64)), 14)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=80, loop=0)
    receipt = api.fix(tmp_path / "a.gif", comparison=False)
    assert (receipt.outcome, receipt.verified) == (Outcome.REPAIRED, True), receipt.reason
    assert receipt.output is not None
    assert receipt.output.name == "a.deshimmered.gif"
    assert media.probe(receipt.output).duration == media.probe(tmp_path / "a.gif").duration


def test_real_animations_are_read(shared_clips: Path) -> None:
    found = {
        name: media.probe(shared_clips / "odd" / name) for name in ("syn_apng_alpha.png", "animation_lossy.webp", "dispose_background.gif")
    }
    assert [(clip.container, clip.frames) for clip in found.values()] == [("apng", 4), (webp.CONTAINER, 101), ("gif", 3)]
