"""Which programs open what: each profile's file, with picture and sound, in Debian's FFmpeg, OpenCV, GStreamer and Chromium.

``python tests/bench/readers.py`` writes the table into docs/profiles.md. A reader counts as reading a file where it gives every frame, and
the middle one shows what the source does. A failure that ``REASONS`` does not explain ends it with an error.

Needs ffmpeg, chromium, gstreamer1.0-tools, gstreamer1.0-libav and gstreamer1.0-plugins-base, -good and -bad.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Error as PlaywrightError

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "support"))

import mediamaker  # noqa: E402

from deshimmer.config.profiles import Profile  # noqa: E402
from deshimmer.processors.records import Route, Treatment  # noqa: E402
from deshimmer.processors.sequences import frame_folders  # noqa: E402

PAGE = TESTS.parent / "docs" / "profiles.md"
HEADING = "## Which programs open it\n"
FRAMES, SIZE, SMALL = 24, (320, 180), (64, 36)
_MOST_LEVELS = 8.0  # of 255, that the middle picture may differ on average: readers round, and take HD's colours for SD's
_TIMEOUT_S = 30
_SOUND = "-f lavfi -i sine=440:r=48000:d=1"
_PICTURE = f"-f lavfi -i testsrc2=s={SIZE[0]}x{SIZE[1]}:r=24:d=1"
_709 = "-vf scale=out_color_matrix=bt709,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
_HOLES = "-vf format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255-200*lt(hypot(X-40,Y-40),25)'"

Pictures = NDArray[np.uint8]
"""(frames, 36, 64, 3): RGB as a screen shows it."""


@dataclass(frozen=True)
class Row:
    what: str
    source: str  # FFmpeg's arguments
    suffix: str
    profile: Profile


_H264 = f"{_PICTURE} {_SOUND} {_709} -c:v libx264 -crf 4 -pix_fmt"
ROWS = (
    Row("`prores`: 422 HQ", f"{_H264} yuv420p -c:a aac", "mp4", Profile.PRORES),
    Row("`prores`: 4444", f"{_H264} yuv444p -c:a aac", "mp4", Profile.PRORES),
    Row("`prores`: 4444 with alpha", f"{_PICTURE} {_SOUND} {_HOLES} -c:v qtrle -pix_fmt argb -c:a pcm_s16le", "mov", Profile.PRORES),
    Row("`dnxhr`: HQX", f"{_H264} yuv420p -c:a aac", "mp4", Profile.DNXHR),
    Row("`dnxhr`: 444", f"{_H264} yuv444p -c:a aac", "mp4", Profile.DNXHR),
    Row("`h264`: 4:2:0", f"{_H264} yuv420p -c:a aac", "mp4", Profile.H264),
    Row("`h264`: 4:4:4", f"{_H264} yuv444p -c:a aac", "mp4", Profile.H264),
    Row("`hevc10`: 4:2:0", f"{_H264} yuv420p -c:a aac", "mp4", Profile.HEVC10),
    Row("`hevc10`: 4:2:2", f"{_H264} yuv422p -c:a aac", "mp4", Profile.HEVC10),
    Row("`av1`: 4:2:0", f"{_H264} yuv420p -c:a aac", "mp4", Profile.AV1),
    Row("`av1`: 4:4:4", f"{_H264} yuv444p -c:a aac", "mp4", Profile.AV1),
    Row("`ffv1`", f"{_H264} yuv420p -c:a aac", "mp4", Profile.FFV1),
    Row("`match` of VP9", f"{_PICTURE} {_SOUND} {_709} -c:v libvpx-vp9 -crf 4 -b:v 0 -cpu-used 8 -c:a libopus", "webm", Profile.MATCH),
    Row("`png`", f"{_H264} yuv420p -c:a aac", "mp4", Profile.PNG),
    Row("`tiff`", f"{_H264} yuv420p -c:a aac", "mp4", Profile.TIFF),
    Row("`exr`", f"{_H264} yuv420p -c:a aac", "mp4", Profile.EXR),
)

_NO_CODEC = "Debian's has no such decoder"
REASONS: dict[tuple[str, str], str] = {
    ("OpenCV", "`av1`*"): "its wheel decodes AV1 on hardware only",
    ("GStreamer", "`dnxhr`*"): "its QuickTime demuxer does not know DNxHR's tags; it knows them in MXF",
    ("OpenCV", "`exr`"): "its wheel is built without EXR",
    ("GStreamer", "`exr`"): "it opens each, and shows the light on another curve than sRGB's",
    ("Chromium", "`prores`*"): _NO_CODEC,
    ("Chromium", "`dnxhr`*"): _NO_CODEC,
    ("Chromium", "`hevc10`*"): _NO_CODEC,
    ("Chromium", "`ffv1`"): _NO_CODEC,
    ("Chromium", "`tiff`"): "browsers show no TIFF",
    ("Chromium", "`exr`"): "browsers show no EXR",
}


class Unread(Exception):
    """With the reader's own words."""


def by_ffmpeg(path: Path) -> Pictures:
    """Debian's. The sound is decoded as well."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", *_input(path), "-fps_mode", "passthrough", "-map", "0:v:0", "-map", "0:a?"]
    _run([*command, "-f", "null", "-"])
    return _shown(_run([*command[:-2], "-vf", "format=rgb24", "-f", "rawvideo", "-"]))


def by_opencv(path: Path) -> Pictures:
    if path.is_dir():
        shots = [cv2.imread(str(file), cv2.IMREAD_COLOR) for file in _files(path)]
        if any(shot is None for shot in shots):
            raise Unread("imread gives nothing")
        return np.stack([_small(shot[..., ::-1]) for shot in shots if shot is not None])
    capture = cv2.VideoCapture(str(path))
    shots: list[Any] = []
    while (shot := capture.read()[1]) is not None:
        shots.append(shot)
    if not shots:
        raise Unread("VideoCapture gives nothing")
    return np.stack([_small(shot[..., ::-1]) for shot in shots])


def by_gstreamer(path: Path) -> Pictures:
    """Each track to a file of raw samples; sound has to last as long as it does. Each EXR by itself: its decoder takes one."""
    with tempfile.TemporaryDirectory() as folder:
        raw, sound = Path(folder) / "raw", Path(folder) / "sound"
        to = ["d.", "!", "queue", "!"]
        shown = [*to, "videoconvert", "!", "video/x-raw,format=RGB", "!", "filesink", f"location={raw}"]
        heard = [*to, "audioconvert", "!", "audio/x-raw,format=S16LE,channels=1,rate=48000", "!", "filesink", f"location={sound}"]

        def launched(source: list[str], *sinks: str) -> bytes:
            _run(["gst-launch-1.0", "-q", *source, "!", "decodebin", "name=d", *sinks])
            return raw.read_bytes()

        if path.is_dir() and _files(path)[0].suffix == ".exr":
            return _shown(b"".join(launched(["filesrc", f"location={file}"], *shown) for file in _files(path)))
        if path.is_dir():
            pattern, first = _pattern(path)
            kind = {".png": "png", ".tif": "tiff"}[pattern.suffix]
            row = [f"location={pattern}", f"start-index={first}", f"stop-index={first + FRAMES - 1}", f"caps=image/{kind},framerate=24/1"]
            return _shown(launched(["multifilesrc", *row], *shown))
        pictures = _shown(launched(["filesrc", f"location={path}"], *shown, *heard))
        if not 46_000 < sound.stat().st_size / 2 < 50_000:
            raise Unread(f"{sound.stat().st_size // 2} samples of sound")
        return pictures


_SHOW = """async ([address, width, height]) => {
    const canvas = document.createElement('canvas');
    canvas.width = width; canvas.height = height;
    const drawn = what => {
        const context = canvas.getContext('2d');
        context.drawImage(what, 0, 0, width, height);
        return Array.from(context.getImageData(0, 0, width, height).data);
    };
    const happened = (video, name) => new Promise((done, failed) => {
        video.addEventListener(name, done, {once: true});
        video.addEventListener('error', () => failed(new Error(video.error.message)), {once: true});
    });
    const begun = async () => {
        const video = document.createElement('video');
        video.muted = true; video.src = address;
        await happened(video, 'canplaythrough');
        return video;
    };
    const [played, still] = [await begun(), await begun()];
    played.play();
    await happened(played, 'ended');
    still.currentTime = 12.5 / 24;
    await happened(still, 'seeked');
    return [played.getVideoPlaybackQuality().totalVideoFrames, drawn(still)];
}"""
_SHOW_IMAGE = """async ([address, width, height]) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = width; canvas.height = height;
    canvas.getContext('2d').drawImage(image, 0, 0, width, height);
    return Array.from(canvas.getContext('2d').getImageData(0, 0, width, height).data);
}"""


def by_chromium(browser: Browser, path: Path) -> Pictures:
    """It plays to the end; the middle frame is looked at, and stands for all. Of a folder every picture is."""
    place = path.parent / "page.html"
    place.write_text("<!doctype html><title>.</title>")
    page = browser.new_page()
    try:
        page.goto(place.as_uri())
        if path.is_dir():
            return np.stack([_picture(page.evaluate(_SHOW_IMAGE, [file.as_uri(), *SMALL])) for file in _files(path)])
        count, picture = page.evaluate(_SHOW, [path.as_uri(), *SMALL])
        if not count:
            raise Unread("it plays the sound, and no picture")
        return np.repeat(_picture(picture)[None], count, axis=0)
    except PlaywrightError as error:
        raise Unread(str(error).splitlines()[0]) from None
    finally:
        page.close()


def _picture(values: list[int]) -> Pictures:
    return np.array(values, np.uint8).reshape(SMALL[1], SMALL[0], 4)[..., :3]


def _small(shot: Any) -> Pictures:
    return cv2.resize(shot, SMALL, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _shown(data: bytes) -> Pictures:
    shots = np.frombuffer(data, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)
    if not len(shots):
        raise Unread("no frame")
    return np.stack([_small(shot) for shot in shots])


def _run(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Unread("it waits for ever") from None
    if done.returncode:
        raise Unread((done.stderr or done.stdout).decode(errors="replace").strip()[:300])
    return done.stdout


def _files(folder: Path) -> list[Path]:
    return list(frame_folders.find(folder).files())


def _input(path: Path) -> list[str]:
    if not path.is_dir():
        return ["-i", str(path)]
    pattern, first = _pattern(path)
    light = ["-apply_trc", "iec61966_2_1"] if pattern.suffix == ".exr" else []
    return [*light, "-framerate", "24", "-start_number", str(first), "-i", str(pattern)]


def _pattern(folder: Path) -> tuple[Path, int]:
    found = frame_folders.find(folder)
    return folder / f"{found.prefix}%0{found.digits}d{found.suffix}", found.first


def made(row: Row, folder: Path) -> tuple[Path, Pictures]:
    """The profile's file, and what the source shows."""
    source = folder / f"source.{row.suffix}"
    mediamaker.made(source, row.source)
    _, result, _ = mediamaker.delivered(source, Treatment(Route.SMOOTH, profile=row.profile))
    return result.path, by_ffmpeg(source)


def read(reader: Callable[[Path], Pictures], path: Path, truth: Pictures) -> str:
    """The frames it gives; raises Unread where it gives too few or shows something else."""
    shown = reader(path)
    if len(shown) != FRAMES:
        raise Unread(f"{len(shown)} frames")
    off = float(np.abs(shown[FRAMES // 2].astype(float) - truth[FRAMES // 2]).mean())
    if off > _MOST_LEVELS:
        raise Unread(f"its picture differs by {off:.0f} levels")
    return str(len(shown))


def reason(reader: str, what: str) -> str | None:
    return next((words for (name, begin), words in REASONS.items() if name == reader and _fits(what, begin)), None)


def _fits(what: str, begin: str) -> bool:
    return what.startswith(begin.rstrip("*"))


def table(browser: Browser) -> Iterator[str]:
    readers: dict[str, Callable[[Path], Pictures]] = {
        "FFmpeg": by_ffmpeg,
        "OpenCV": by_opencv,
        "GStreamer": by_gstreamer,
        "Chromium": lambda path: by_chromium(browser, path),
    }
    yield "| | " + " | ".join(f"{name} {version}" for name, version in zip(readers, versions(browser), strict=True)) + " |"
    yield "|---" * (len(readers) + 1) + "|"
    for row in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            path, truth = made(row, Path(folder))
            cells: list[str] = []
            for name, reader in readers.items():
                try:
                    cells.append(read(reader, path, truth))
                except Unread as error:
                    words = reason(name, row.what)
                    print(f"{row.what}, {name}: {error}", file=sys.stderr, flush=True)
                    if words is None:
                        raise SystemExit(f"{name} does not read {row.what}, and nobody knows why: {error}") from None
                    cells.append(f"no: {words}")
            yield f"| {row.what} | {' | '.join(cells)} |"


def versions(browser: Browser) -> Iterator[str]:
    yield _run(["ffmpeg", "-version"]).decode().split()[2].split("-")[0]
    yield cv2.__version__
    yield _run(["gst-launch-1.0", "--version"]).decode().split()[2]
    yield browser.version.split(".")[0]


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--allow-file-access-from-files", "--autoplay-policy=no-user-gesture-required"],
        )
        rows = "\n".join(table(browser))
        browser.close()
    before, _, after = PAGE.read_text(encoding="utf-8").partition(HEADING)
    following = after.partition("\n## ")[2]
    said = (
        f"`python tests/bench/readers.py`, {datetime.date.today().isoformat()}: a clip of {FRAMES} frames with sound, written with each profile. "
        "The number is how many\nframes the reader gave, of which the middle one shows what the source does. GStreamer with its plug-ins is not "
        "among what CI installs."
    )
    PAGE.write_text(f"{before}{HEADING}\n{said}\n\n{rows}\n" + (f"\n## {following}" if following else ""), encoding="utf-8")


if __name__ == "__main__":
    main()
