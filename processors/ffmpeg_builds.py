"""What one FFmpeg is and can do: its version, what is compiled in, and whether an encoder works, by a small real encode.

A name in its list is no proof: libx265 is often built for 8 bit alone, and hardware encoders are listed on machines that have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import imageio_ffmpeg
import numpy as np

from ..config import spawn
from ..config.errors import NotSetUp, ToolFailed

REMEDY = "Set tools.ffmpeg to another, or remove the key to use the FFmpeg that comes along."
OLDEST = (5, 1)
"""It has ``-fps_mode``, with which frames keep their own times."""

_ANSWER_S, _TRIAL_S = 15.0, 60.0
_TRIAL_SIZE = (256, 128)  # DNxHR takes no less
_TRIAL_FRAMES = 3
_NUMBER = re.compile(r"n?(\d+)\.(\d+)")
_KINDS = ("encoders", "filters", "muxers", "demuxers")


@dataclass(frozen=True)
class Build:
    path: Path
    version: str  # as it says itself
    has: frozenset[tuple[str, str]]  # (kind, name)

    @property
    def number(self) -> tuple[int, int] | None:
        """(major, minor); None for a snapshot, which is taken for new."""
        found = _NUMBER.match(self.version)
        return (int(found[1]), int(found[2])) if found else None

    @property
    def is_too_old(self) -> bool:
        return self.number is not None and self.number < OLDEST

    def __str__(self) -> str:
        return f"FFmpeg {self.version} at {self.path}"


def of(binary: Path) -> Build:
    """Asked once for each state of the file. Raises NotSetUp for what cannot be run, hangs or is no FFmpeg."""
    try:
        return _asked(binary, binary.stat().st_mtime_ns)
    except OSError as error:
        raise NotSetUp(f"FFmpeg cannot be run ({error.strerror}). {REMEDY}", path=binary) from None


def version_number(binary: Path) -> tuple[int, int] | None:
    """(major, minor); None for a snapshot, and for what does not say."""
    try:
        return of(binary).number
    except NotSetUp:
        return None


@cache
def _asked(binary: Path, changed_ns: int) -> Build:
    def ask(option: str) -> str:
        try:
            return spawn.run([str(binary), "-hide_banner", option], timeout_s=_ANSWER_S).decode(errors="replace")
        except ToolFailed as error:
            raise NotSetUp(f"It does not answer as FFmpeg does: {error.message} {REMEDY}", path=binary) from None

    first = ask("-version").split("\n", 1)[0]
    if not first.startswith("ffmpeg version "):
        raise NotSetUp(f"It is no FFmpeg: it does not say its version. {REMEDY}", path=binary)
    listed = {kind: ask(f"-{kind}") for kind in _KINDS}
    return Build(binary, first.split(" ")[2], frozenset((kind, name) for kind, text in listed.items() for name in _names(text)))


def _names(text: str) -> set[str]:
    """The second word of each line; a demuxer may have several names."""
    return {name for line in text.splitlines() if len(words := line.split()) > 1 for name in words[1].split(",")}


def is_shipped(binary: Path) -> bool:
    """True for the one that comes along, which tests try; no job has to."""
    try:
        return binary == Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return False


@dataclass(frozen=True)
class Wanted:
    """What a command asks of its FFmpeg."""

    encoder: str
    pixel_format: str
    filters: tuple[str, ...] = ()
    profile: str | None = None
    muxer: str | None = None

    @classmethod
    def by(cls, argv: Sequence[str]) -> Wanted | None:
        """Read from a command's arguments; None where it encodes no pictures."""
        given = {option.split(":")[0].lstrip("-"): value for option, value in pairwise(argv) if _is_of_pictures(option)}
        encoder = given.get("c") or given.get("vcodec")
        if encoder is None or encoder == "copy":
            return None
        chain = given.get("vf") or given.get("filter") or ""
        parts = [part.partition("=") for part in chain.split(",") if part]
        formats = [rest for name, _, rest in parts if name == "format"]
        pixel_format = given.get("pix_fmt") or (formats[-1] if formats else "yuv420p")
        last = max((index for index, part in enumerate(argv) if part == "-i"), default=0)
        muxers = [value for option, value in pairwise(argv[last:]) if option == "-f"]
        return cls(encoder, pixel_format, tuple(name for name, _, _ in parts), given.get("profile"), muxers[-1] if muxers else None)


def _is_of_pictures(option: str) -> bool:
    return option in ("-vf", "-vcodec", "-pix_fmt") or re.fullmatch(r"-(c|filter|pix_fmt|profile):v(:0)?", option) is not None


def require(argv: Sequence[str]) -> None:
    """Raises NotSetUp when the FFmpeg of this command lacks what it asks for. The shipped one is not asked."""
    binary = Path(argv[0])
    wanted = Wanted.by(argv)
    if wanted is None or is_shipped(binary):
        return
    build = of(binary)
    if build.is_too_old:
        raise NotSetUp(f"{build.version} is too old: {OLDEST[0]}.{OLDEST[1]} is the oldest that works. {REMEDY}", path=binary)
    asked = [("filters", name) for name in wanted.filters] + ([("muxers", wanted.muxer)] if wanted.muxer else [])
    lacking = [f"the {kind.removesuffix('s')} {name}" for kind, name in asked if (kind, name) not in build.has]
    if lacking:
        raise NotSetUp(f"FFmpeg {build.version} lacks {' and '.join(lacking)}, which this needs. {REMEDY}", path=binary)
    problem = trial(build, wanted)
    if problem is not None:
        raise NotSetUp(f"FFmpeg {build.version} {problem}, which this needs. {REMEDY}", path=binary)


def trial(build: Build, wanted: Wanted) -> str | None:
    """What keeps this FFmpeg from encoding so; None when it can. Three small frames in NUT are encoded, once for each state of the file."""
    if ("encoders", wanted.encoder) not in build.has:
        return f"has no encoder {wanted.encoder}"
    return _trial(build.path, build.path.stat().st_mtime_ns, wanted.encoder, wanted.pixel_format, wanted.profile)


@cache
def _trial(binary: Path, changed_ns: int, encoder: str, pixel_format: str, profile: str | None) -> str | None:
    with TemporaryDirectory(prefix="deshimmer-trial-") as folder:
        frames = Path(folder) / "frames.nut"
        _write_frames(frames)
        exactly = ["-vf", f"scale,format={pixel_format}", "-pix_fmt", f"+{pixel_format}"]  # else it would take another format in silence
        picture = [*exactly, "-c:v", encoder, *(["-profile:v", profile] if profile else [])]
        given = [str(binary), "-nostdin", "-v", "error", "-f", "nut", "-i", f"file:{frames}", *picture, "-f", "null", "-"]
        try:
            spawn.run(given, timeout_s=_TRIAL_S)
        except ToolFailed as error:
            return f"cannot encode {pixel_format} with {encoder} ({_last_line(error.message)})"
    return None


def _last_line(text: str) -> str:
    return text.splitlines()[-1].strip().rstrip(".")[-160:]


def _write_frames(path: Path) -> None:
    width, height = _TRIAL_SIZE
    with av.open(str(path), "w", format="nut") as container:
        stream = container.add_stream("rawvideo", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(_TRIAL_FRAMES):
            grey = np.full((height * 3 // 2, width), 100 + index, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@dataclass(frozen=True)
class Part:
    """A part of FFmpeg that not every one has, and what is out without it."""

    name: str
    wanted: Wanted
    without: str
    is_needed: bool = False


PARTS = (
    Part("H.264", Wanted("libx264", "yuv420p"), "every delivery in H.264, comparisons and proxies are out", True),
    Part("HEVC 10 bit", Wanted("libx265", "yuv420p10le"), "the route deband, sources over 8 bit and the profile hevc10 are out", True),
    Part("ProRes", Wanted("prores_ks", "yuva444p10le", profile="4444"), "sources with alpha and the profile prores are out", True),
    Part("DNxHR", Wanted("dnxhd", "yuv422p10le", profile="dnxhr_hqx"), "the profile dnxhr is out"),
    Part("FFV1", Wanted("ffv1", "yuv422p10le"), "the profile ffv1 is out"),
    Part("AV1 (SVT)", Wanted("libsvtav1", "yuv420p10le"), "the profile av1 needs libaom then"),
    Part("AV1 (libaom)", Wanted("libaom-av1", "yuv420p10le"), "the profile av1 needs SVT-AV1 then"),
    Part("VP9", Wanted("libvpx-vp9", "yuv420p"), "WebM sources are delivered in another container"),
)


def examine(build: Build) -> Iterator[tuple[Part, str | None]]:
    """Each part with what keeps it from working; None for one that works."""
    for part in PARTS:
        yield part, trial(build, part.wanted)


def spoken(argv: list[str]) -> list[str]:
    """The command as its FFmpeg understands it: versions before 6.1 lack some options. Raises NotSetUp for what an old one cannot do."""
    number = version_number(Path(argv[0]))
    if number is None or number >= (6, 1):
        return argv
    if number < (6, 0) and any(part.startswith("-display_") for part in argv):
        raise NotSetUp(f"FFmpeg before 6.0 cannot keep how a clip is turned or mirrored. {REMEDY}", path=argv[0])
    return ["-1" if argv[index - 1].startswith("-enc_time_base") and part == "demux" else part for index, part in enumerate(argv)]
