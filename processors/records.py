"""What the stations hand on: Clip, Diagnosis, Plan, Candidate, Verification, Receipt, and the Passage that carries them.

All are frozen, hold only small values, and survive ``to_json`` and ``from_json`` unchanged: the queue stores them.
Curves over time stay in a file in the work folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import TypeAdapter

from ..config.profiles import Profile
from .families.family import Kind, Means
from .prompts.stored import Stored, StoredPrompt

T = TypeVar("T")

Progress = Callable[[float], None]
"""Called with the part of a stage that is done, 0 to 1. It may raise to stop the stage."""


class Band(StrEnum):
    """The four bands in which flicker is measured and treated (docs/diagnosis.md)."""

    GLOBAL_LUMA = "global_luma"
    LOW_LUMA = "low_luma"
    LOW_CHROMA = "low_chroma"
    DETAIL = "detail"


MAP_PREFIX = "map_"  # of a band's name: under it a file of curves keeps where in the frame the band flickers


class Verdict(StrEnum):
    CLEAN = "clean"
    LUMINANCE = "luminance"
    GENERATIVE = "generative"
    CODEC = "codec"
    INCOHERENT = "incoherent"


class _Words(NamedTuple):
    name: str  # as report and page head it
    means: str  # as the terminal and the plot go on after the verdict


VERDICT_WORDS = {
    Verdict.CLEAN: _Words("Steady", "does not flicker"),
    Verdict.LUMINANCE: _Words("Brightness flicker", "brightness pulses"),
    Verdict.GENERATIVE: _Words("Generative flicker", "drawn anew each frame"),
    Verdict.CODEC: _Words("Compression damage", "codec damage"),
    Verdict.INCOHERENT: _Words("Incoherent content", "objects change"),
}


class Route(StrEnum):
    KEEP = "keep"
    SMOOTH = "smooth"
    INTERPOLATE = "interpolate"
    DEBAND = "deband"
    DEBAND_SMOOTH = "deband+smooth"
    REGENERATE = "regenerate"


class Outcome(StrEnum):
    REPAIRED = "repaired"
    KEPT = "kept"
    FLAGGED = "flagged"
    CANCELLED = "cancelled"
    FAILED = "failed"


KEPT_BY_CHOICE = "kept the original, as you chose"
"""The reason on a receipt whose result was taken away again."""


@dataclass(frozen=True)
class Request:
    """What was asked for, from the command line, the API or a hot folder. Paths are absolute."""

    path: Path
    output_dir: Path
    shown_path: str  # as the user wrote it
    name: str = "{stem}.deshimmered"
    routes: tuple[Route, ...] = (Route.SMOOTH, Route.DEBAND)  # that may run unasked
    route: Route | None = None  # that the user named
    profile: Profile = Profile.MATCH
    preset: str | None = None  # "article"
    strength: float = 1.0
    factor: int | None = None  # of interpolation
    fps: Fraction | None = None
    slow_motion: bool = False
    drops_duplicates: bool = False
    preview: bool = False
    comparison: bool = True
    markers: bool = False  # EDL and OpenTimelineIO beside the result
    candidates: int = 1  # of regeneration: so many seeds, of which the best is kept
    approved: bool = False  # an offer of regeneration was taken: delivered only where it verifies
    unasked: bool = False  # by the hot folder's policy, not by a person: only with weights that lie on this disk
    regenerate: Literal["ask", "auto", "never"] = "ask"  # the hot folder's policy


@dataclass(frozen=True)
class ColorTags:
    """FFmpeg's names (``bt709``, ``smpte2084``, ...); None where the stream does not say."""

    primaries: str | None = None
    transfer: str | None = None
    matrix: str | None = None
    range: str | None = None  # "tv" or "pc"

    @property
    def is_hdr(self) -> bool:
        return self.transfer in ("smpte2084", "arib-std-b67")


@dataclass(frozen=True)
class AudioTrack:
    codec: str
    channels: int
    sample_rate_hz: int
    seconds: float | None


@dataclass(frozen=True)
class Excerpt:
    """Where in its file a clip lies that is a stretch of it."""

    first_frame: int
    first_pts: int
    seek_pts: int | None  # from which decoding reaches the first frame whole; None: from the beginning


@dataclass(frozen=True)
class Clip:
    """A file that was probed and found whole, or a stretch of it without sound. Sizes are those of the decoded picture, before rotation."""

    path: Path
    digest: str  # of the file's bytes, BLAKE2b, hex
    size_bytes: int
    container: str  # FFmpeg's demuxer name; "webp_pillow" where Pillow decodes
    codec: str
    pixel_format: str  # FFmpeg's name
    bit_depth: int
    width: int
    height: int
    frames: int  # as decoded
    frame_rate: Fraction  # frames per second, average
    time_base: Fraction  # seconds per tick of a frame's pts
    duration: Fraction  # seconds, from the first frame's start to the last one's end
    variable_frame_rate: bool
    rotation: int  # degrees that a player turns the picture: 0, 90, 180, 270
    sample_aspect: Fraction
    has_alpha: bool
    interlaced: bool  # its frames hold two fields of different moments
    color: ColorTags
    audio: tuple[AudioTrack, ...]
    mirrored: bool = False  # a player flips the picture left to right after turning it
    excerpt: Excerpt | None = None  # for a clip that is a stretch of its file
    field_order: str | None = None  # as flagged: which field comes first, "top" or "bottom"; None for whole frames
    is_mixed: bool = False  # whole frames and combed ones in turn, as 3:2 pulldown makes them
    field: str | None = None  # "top" or "bottom" for a clip that is one field of each frame

    @property
    def display_size(self) -> tuple[int, int]:
        """(width, height) as a player shows it, rotation and pixel aspect applied."""
        width = round(self.width * self.sample_aspect)
        return (self.height, width) if self.rotation in (90, 270) else (width, self.height)


@dataclass(frozen=True)
class BandReading:
    amplitude: float  # flicker's standard deviation in 8-bit levels
    correlation: float | None  # of successive residuals along motion, -1 to 1; None when not measurable


@dataclass(frozen=True)
class CodecReading:
    cambi: float | None  # banding, 0 none, 5 visible, 24 severe
    blockiness: float | None  # gradient at the 8-pixel grid over the gradient beside it, less 1
    keyframe_pulse: float | None  # jump at key frames over what is usual near them and hides it, in 8-bit levels
    posterisation: float | None = None  # share of the picture on flat treads between steps of 3 levels and more


@dataclass(frozen=True)
class Cause:
    kind: str
    start_frame: int
    end_frame: int
    amount: float
    advice: str


@dataclass(frozen=True)
class Shot:
    start: int  # first frame
    end: int  # one past the last frame
    verdict: Verdict
    bands: dict[Band, BandReading]
    confidence: float = 0.0  # 0 to 1
    flicker_score: float = 0.0
    route: Route = Route.KEEP
    still: tuple[Band, ...] = ()  # bands that surely do not flicker in it
    pulse_frames: float | None = None  # from one peak to the next, where the whole frame swings up and down; None where it does not


@dataclass(frozen=True)
class Reading:
    """What was measured on one file: the part of a diagnosis that is compared before and after."""

    bands: dict[Band, BandReading]
    codec: CodecReading
    flicker_score: float
    article_mean_diff: float | None
    sharpness: float  # mean squared Laplacian of luma, 8-bit levels
    motion: float  # mean flow length, pixels a frame at the analysis size


@dataclass(frozen=True)
class Diagnosis:
    verdict: Verdict
    confidence: float  # 0 to 1: how likely the verdict is right
    route: Route
    summary: str
    amounts: dict[Verdict, float]  # each 0 to 1
    causes: tuple[Cause, ...]
    reading: Reading
    shots: tuple[Shot, ...]
    article_verdict: str | None  # "generative", "codec" or "clean" by the article's rule; never acted on
    curves: Path | None  # .npz in the work folder: one value a frame for each key, and a map for each band
    flickering: tuple[Band, ...] = ()  # bands worth treating, the worst first


@dataclass(frozen=True)
class Change:
    """A parameter that is rendered otherwise than it was stored."""

    field: str
    before: Any
    after: Any
    rule: str  # of the lint


@dataclass(frozen=True)
class Regeneration:
    """How a clip is rendered again."""

    means: Means
    prompt: StoredPrompt  # corrected: what is rendered
    changes: tuple[Change, ...]
    reason: str  # why this kind, for a person
    kind: Kind | None = None  # None: ComfyUI's graph says
    model: Path | None = None  # folder of the weights; None with ComfyUI
    strength: float | None = None  # of video to video
    candidates: int = 1


@dataclass(frozen=True)
class Treatment:
    """One attempt: what will be done to the frames."""

    route: Route
    bands: tuple[Band, ...] = ()  # that smoothing treats
    strength: float = 1.0
    deflicker_size: int | None = None  # frames, FFmpeg's deflicker
    deband: bool = False
    deblock: bool = False  # blocks and pulses of key frames are to go: by a filter, or, with smoothing alone, by that
    depulse: bool = False  # what jumps at key frames is spread over the frames around, along motion; with smoothing alone, by that
    factor: int = 1  # of the frame count, for interpolation
    fps: Fraction | None = None
    slow_motion: bool = False
    drops_duplicates: bool = False  # repeated frames count as one that lasts longer: interpolation moves on where they stood still
    profile: Profile = Profile.MATCH  # of its delivery
    as_movie: bool = False  # an animated image whose own format brings flicker back
    preset: str | None = None
    regeneration: Regeneration | None = None


@dataclass(frozen=True)
class Trial:
    """What a treatment did on a short stretch of the clip."""

    treatment: Treatment
    start_frame: int
    end_frame: int  # the last one
    better: bool
    left: float  # part of the fault that it leaves; 1 leaves all
    reason: str  # of the verification
    seconds: float  # it took


@dataclass(frozen=True)
class Plan:
    route: Route
    treatments: tuple[Treatment, ...]  # tried in turn until one verifies; none for keep
    named_by_user: bool
    reason: str  # one sentence, and one more for what trials showed
    rivals: int = 0  # so many of the first treatments could serve as well: a trial says which comes first
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A result that nobody has checked yet."""

    path: Path  # in the work folder
    treatment: Treatment
    encoder: str  # for a person: "H.264 8 bit, crf 16, slow, grain kept"
    frames: int
    seconds: float  # it took
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """One requirement on a candidate."""

    name: str
    passed: bool
    before: float | None
    after: float | None
    detail: str  # one sentence for a person


@dataclass(frozen=True)
class Verification:
    better: bool  # less of what the plan set out to repair, no more of anything else
    broken: bool  # frames, duration or audio are not as they were: never delivered
    reason: str
    checks: tuple[Check, ...]
    reading: Reading
    curves: Path | None


@dataclass(frozen=True)
class Receipt:
    """What happened to a job, in full. It is written last: where it lies, the job is done."""

    id: str
    path: str
    outcome: Outcome
    reason: str
    verdict: Verdict | None = None
    route: Route | None = None
    output: Path | None = None
    comparison: Path | None = None
    report: Path | None = None
    receipt: Path | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    verified: bool | None = None
    offer: dict[str, Any] | None = None
    seconds: float = 0.0
    error: dict[str, str | None] | None = None
    details: dict[str, Any] = field(default_factory=lambda: {})  # request, clip, diagnosis, plan, checks, timings, versions


@dataclass(frozen=True)
class Passage:
    """A job on its way: the request, and what each station has added so far."""

    job_id: str
    request: Request
    work_folder: Path
    clip: Clip | None = None
    stored: Stored | None = None
    diagnosis: Diagnosis | None = None
    plan: Plan | None = None
    attempt: int = 0  # index into plan.treatments
    candidate: Candidate | None = None
    verification: Verification | None = None
    rejected: tuple[Verification, ...] = ()
    receipt: Receipt | None = None
    timings: dict[str, float] = field(default_factory=lambda: {})  # seconds by stage

    @property
    def treatment(self) -> Treatment | None:
        return self.plan.treatments[self.attempt] if self.plan and self.plan.treatments else None


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(record: object) -> Any:
    """A record as values that ``json.dumps`` takes."""
    return _adapter(type(record)).dump_python(record, mode="json")


def from_json(kind: type[T], value: Mapping[str, Any]) -> T:
    """The inverse of ``to_json``. Raises pydantic.ValidationError for anything else."""
    return _adapter(kind).validate_python(value)
