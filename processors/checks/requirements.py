"""What is required of a result: a check for each requirement, with one sentence for a person. The borders stand in ``tolerances``.

``wholeness``: it is the clip that it stands for (else it is broken). ``gains``: less of what the plan set out to repair. ``harms``: no
more of anything else, and nothing lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .. import timing
from ..inventory.entries import Difference
from ..records import Band, Check, Clip, CodecReading, Diagnosis, Reading, Route, Treatment
from ..sequences import frame_folders
from . import media_checks, tolerances
from .fidelity import Fidelity
from .inserted import Inserted
from .jumps import Jumps

BAND_WORDS = {
    Band.GLOBAL_LUMA: "whole-frame brightness",
    Band.LOW_LUMA: "brightness patches",
    Band.LOW_CHROMA: "colour patches",
    Band.DETAIL: "fine detail",
}


@dataclass(frozen=True)
class Evidence:
    """Everything that the checks look at."""

    clip: Clip
    diagnosis: Diagnosis
    treatment: Treatment
    result: Clip
    reading: Reading
    fidelity: Fidelity
    inserted: Inserted | None
    differences: tuple[Difference, ...] = ()  # of what the files hold besides pictures
    notes: tuple[str, ...] = ()  # the candidate's
    picture: tuple[Check, ...] = ()  # of its properties

    @property
    def interpolates(self) -> bool:
        return self.treatment.route is Route.INTERPOLATE


def wholeness(evidence: Evidence) -> Iterator[Check]:
    """What makes a file broken: it is not the clip that it stands for."""
    clip, result, seen = evidence.clip, evidence.result, evidence.fidelity
    wanted = timing.frame_count(clip, evidence.treatment) if evidence.interpolates else clip.frames
    yield _check("frames", seen.frames == wanted, clip.frames, seen.frames, f"{seen.frames} of {wanted} frames can be played.")
    length = clip.duration * (timing.stretch(clip, evidence.treatment) if evidence.interpolates else 1)
    kept = float(abs(result.duration - length)) <= float(1 / clip.frame_rate) + 0.001
    yield _check(
        "duration",
        kept,
        float(length),
        float(result.duration),
        f"It lasts {float(result.duration):.2f} s{', as it should' if kept else f' instead of {float(length):.2f} s'}.",
    )
    sizes = [" x ".join(map(str, side.display_size)) for side in (clip, result)]
    same = media_checks.is_same_size(clip, result)
    yield _check("size", same, None, None, f"The picture is {sizes[1]}{', as it was' if same else f' instead of {sizes[0]}'}.")
    yield _sound(evidence)
    yield from media_checks.checks(evidence.differences, evidence.notes)
    yield _check(
        "transparency",
        result.has_alpha or not clip.has_alpha,
        float(clip.has_alpha),
        float(result.has_alpha),
        "Transparency is kept." if result.has_alpha else "It is opaque, as it was." if not clip.has_alpha else "Transparency was lost.",
    )
    garbage = seen.garbage_frames
    shown = "Every frame shows the picture of its source frame."
    lost = f"{len(garbage)} frames do not show what the source shows, the first is frame {garbage[0]}." if garbage else shown
    yield _check("pictures", not garbage, 0, len(garbage), lost)
    yield from evidence.picture


def _sound(evidence: Evidence) -> Check:
    if evidence.result.container == frame_folders.CONTAINER:
        return _check("sound", True, len(evidence.clip.audio), 0, "Frames hold no sound.")
    left_out = [each.subject for each in evidence.differences if media_checks.is_named(each, evidence.notes)]
    tracks = enumerate(evidence.clip.audio, 1)
    mine = [track for number, track in tracks if f"audio track {number} ({track.codec})" not in left_out]
    theirs = evidence.result.audio
    if evidence.treatment.slow_motion:
        return _check("sound", True, len(mine), len(theirs), "Slow motion has no sound.")
    tolerance_s = float(1 / evidence.clip.frame_rate) + 0.1  # a packet of AAC is 23-46 ms, one each side
    lengths = [(a.seconds, b.seconds) for a, b in zip(mine, theirs, strict=False) if a.seconds is not None and b.seconds is not None]
    if len(mine) != len(theirs):
        return _check("sound", False, len(mine), len(theirs), f"It has {len(theirs)} audio tracks, the source {len(mine)}.")
    short = [(a, b) for a, b in lengths if abs(a - b) > tolerance_s]
    if short:
        return _check("sound", False, short[0][0], short[0][1], f"Sound lasts {short[0][1]:.2f} s, the source's {short[0][0]:.2f} s.")
    return _check("sound", True, len(mine), len(theirs), "Sound is as it was." if mine else "There is no sound, as in the source.")


def gains(evidence: Evidence) -> Iterator[Check]:
    """Less of what the plan set out to repair. Interpolation sets out to repair nothing: it has to do no harm."""
    if evidence.interpolates:
        return
    before, after = evidence.diagnosis.reading, evidence.reading
    treatment = evidence.treatment
    bands = treated_bands(treatment, evidence.diagnosis)
    if bands:
        yield _fallen(
            "flicker", "Flicker of the treated bands", _total(before, bands), _total(after, bands), "levels", tolerances.STILL_LEVELS
        )
        for band in bands:
            yield _band_fallen(band, before, after)
        if Band.GLOBAL_LUMA in bands or Band.LOW_LUMA in bands:
            yield _calmer(evidence.fidelity.jumps)
    codec = before.codec
    if treatment.deband and (codec.cambi or codec.posterisation or not bands):
        yield _worse_has_fallen(_BANDING, codec, after.codec)
    if treatment.deblock or treatment.depulse:
        yield _worse_has_fallen(_BLOCKING, codec, after.codec)


def treated_bands(treatment: Treatment, found: Diagnosis) -> tuple[Band, ...]:
    """The bands in which a treatment promises less flicker. Deflicker, one gain a frame, promises it where the whole frame flickers;
    smoothing against codec damage, where nothing flickers, promises none.
    """
    if treatment.route is Route.SMOOTH and treatment.deblock and not found.flickering:
        return ()
    deflickers = treatment.deflicker_size is not None and Band.GLOBAL_LUMA not in treatment.bands
    whole_frame = deflickers and (Band.GLOBAL_LUMA in found.flickering or not treatment.deband)
    return (*treatment.bands, Band.GLOBAL_LUMA) if whole_frame else treatment.bands


def _total(reading: Reading, bands: tuple[Band, ...]) -> float:
    return sum(reading.bands[band].amplitude ** 2 for band in bands if band in reading.bands) ** 0.5


def _fallen(name: str, what: str, before: float, after: float, unit: str, still: float) -> Check:
    passed = after < before and (after <= before * (1 - tolerances.LEAST_FALL) or after <= still < before)
    word = "fell" if after < before else "did not fall"
    unit = f" {unit}" if unit else ""
    change = f" ({(after / before - 1):+.0%})" if before >= 0.005 else ""  # of what reads as 0.00 it would say nothing
    verdict = "" if passed else f"; at least {tolerances.LEAST_FALL:.0%} less is asked for"
    return _check(name, passed, before, after, f"{what} {word}: from {before:.2f} to {after:.2f}{unit}{change}{verdict}.")


def _calmer(seen: Jumps) -> Check:
    passed = seen.after <= seen.before * (1 - tolerances.LEAST_CALM) or seen.after <= tolerances.STILL_LEVELS
    verdict = "" if passed else ": content was taken for light"
    detail = f"From frame to frame places change by {seen.after:.2f} levels of brightness, before by {seen.before:.2f}{verdict}."
    return _check("flicker: places", passed, seen.before, seen.after, detail)


def _band_fallen(band: Band, before: Reading, after: Reading) -> Check:
    old, new = before.bands[band].amplitude, after.bands[band].amplitude
    passed = new < old or new <= tolerances.STILL_LEVELS
    return _check(f"flicker: {band}", passed, old, new, f"Flicker in {BAND_WORDS[band]} went from {old:.2f} to {new:.2f} levels.")


class _Damage(NamedTuple):
    """A kind of codec damage, as a requirement that it falls."""

    name: str
    what: str
    key: str  # of the reading
    unit: str
    unseen: float
    gone: float  # it counts as gone below


_BANDING = (
    _Damage("banding", "Banding (CAMBI)", "cambi", "", tolerances.CAMBI_UNSEEN, tolerances.CAMBI_RISE),
    _Damage(
        "coarse steps", "The share of coarse steps", "posterisation", "", tolerances.POSTERISATION_UNSEEN, tolerances.POSTERISATION_UNSEEN
    ),
)
_BLOCKING = (
    _Damage("blocking", "Blocking", "blockiness", "", tolerances.BLOCKINESS_UNSEEN, tolerances.BLOCKINESS_UNSEEN),
    _Damage(
        "keyframe pulse",
        "Pulsing at key frames",
        "keyframe_pulse",
        "levels",
        tolerances.PULSE_UNSEEN_LEVELS,
        tolerances.PULSE_UNSEEN_LEVELS,
    ),
)


def _worse_has_fallen(kinds: tuple[_Damage, ...], before: CodecReading, after: CodecReading) -> Check:
    """Of the kinds that a filter is against, the one that stands out more (in units of what is visible) has to fall. What cannot be
    measured afterwards has not.
    """
    worse = max(kinds, key=lambda kind: (getattr(before, kind.key) or 0.0) / kind.unseen)
    old, new = getattr(before, worse.key) or 0.0, getattr(after, worse.key)
    return _fallen(worse.name, worse.what, old, old if new is None else new, worse.unit, worse.gone)


def harms(evidence: Evidence) -> Iterator[Check]:
    """No more of anything else, and nothing lost."""
    yield from _untreated_bands(evidence)
    yield from new_codec_damage(evidence.diagnosis.reading.codec, evidence.reading.codec, debands=evidence.treatment.deband)
    yield from _grade(evidence)
    yield from _motion_and_detail(evidence)
    yield from _grain(evidence)
    yield from _marks(evidence.fidelity)
    yield _jumps(evidence.fidelity.jumps)
    if evidence.inserted is not None:
        yield from _inserted_frames(evidence.inserted)


def _untreated_bands(evidence: Evidence) -> Iterator[Check]:
    before, after = evidence.diagnosis.reading, evidence.reading
    treated = treated_bands(evidence.treatment, evidence.diagnosis)
    for band in Band:
        if band in treated or band not in before.bands or band not in after.bands:
            continue
        old, new = before.bands[band].amplitude, after.bands[band].amplitude
        passed = new <= max(old * tolerances.BAND_RISE + 0.1, tolerances.STILL_LEVELS)
        verb = "did not rise" if passed else "rose"
        yield _check(
            f"steady: {band}", passed, old, new, f"Flicker in {BAND_WORDS[band]} {verb}: {old:.2f} before, {new:.2f} levels after."
        )
    old, new = before.flicker_score, after.flicker_score
    yield _check(
        "flicker score",
        new <= max(old + tolerances.SCORE_RISE, tolerances.SCORE_UNSEEN),
        old,
        new,
        f"The flicker score went from {old:.2f} to {new:.2f}.",
    )


def new_codec_damage(before: CodecReading, after: CodecReading, *, debands: bool) -> Iterator[Check]:
    """``debands``: banding is not asked after, because less of it is asked for."""
    if before.cambi is not None and after.cambi is not None and not debands:
        passed = after.cambi <= max(before.cambi + tolerances.CAMBI_RISE, tolerances.CAMBI_UNSEEN)
        yield _check(
            "no new banding", passed, before.cambi, after.cambi, f"Banding (CAMBI) is {after.cambi:.1f}, it was {before.cambi:.1f}."
        )
    blocks = (before.blockiness, after.blockiness, tolerances.BLOCKINESS_RISE, tolerances.BLOCKINESS_UNSEEN)
    pulses = (before.keyframe_pulse, after.keyframe_pulse, tolerances.PULSE_RISE_LEVELS, tolerances.PULSE_UNSEEN_LEVELS)
    named = (("no new blocking", "Blocking", blocks), ("no new keyframe pulse", "Pulsing at key frames", pulses))
    for name, what, (old, new, rise, unseen) in named:
        if new is not None:
            yield _check(name, new <= max((old or 0.0) + rise, unseen), old, new, f"{what} is {new:.2f}, it was {old or 0:.2f}.")


def _grade(evidence: Evidence) -> Iterator[Check]:
    """Brightness, colour and contrast. Flicker leaves its own share in the mean of N frames: amplitude / sqrt(N), and no more than the
    repair's own changes scatter; three times that is allowed.
    """
    bands = evidence.diagnosis.reading.bands
    seen = evidence.fidelity

    def share(error: float, *names: Band) -> float:
        amplitude = sum(bands[name].amplitude ** 2 for name in names if name in bands) ** 0.5
        return tolerances.CHANCE * min(error, amplitude / max(1, evidence.clip.frames) ** 0.5)

    luma = tolerances.LUMA_SHIFT_LEVELS + share(seen.marks.luma_error, Band.GLOBAL_LUMA, Band.LOW_LUMA)
    chroma = tolerances.CHROMA_SHIFT_LEVELS + share(seen.marks.chroma_error, Band.LOW_CHROMA)
    yield _check("brightness", abs(seen.luma_shift) <= luma, 0, seen.luma_shift, f"Mean brightness moved by {seen.luma_shift:+.2f} levels.")
    yield _check("colour", seen.chroma_shift <= chroma, 0, seen.chroma_shift, f"Mean colour moved by {seen.chroma_shift:.2f} levels.")
    fits = tolerances.CONTRAST[0] <= seen.contrast <= tolerances.CONTRAST[1]
    yield _check("contrast", fits, 1, seen.contrast, f"Contrast is {seen.contrast:.0%} of the source's.")
    places = (
        ("local brightness", "Brightness", tolerances.LOCAL_LUMA_LEVELS, seen.marks.local_luma),
        ("local colour", "Colour", tolerances.LOCAL_CHROMA_LEVELS, seen.marks.local_chroma),
    )
    for name, what, most, moved in places:
        yield _check(name, moved <= most, 0, moved, f"{what} moved by {moved:.1f} levels, beyond chance, where it moved most.")


def _motion_and_detail(evidence: Evidence) -> Iterator[Check]:
    seen = evidence.fidelity
    if seen.motion_kept is not None and seen.lost_motion is not None:
        detail = f"{seen.motion_kept:.0%} of the source's motion is kept."
        yield _check("motion", seen.motion_kept >= tolerances.MOTION_KEPT, 1, seen.motion_kept, detail)
        held = seen.held_frames
        detail = f"{seen.lost_motion:.0%} of the moving frames stand still." if seen.lost_motion else "Every moving frame still moves."
        detail = f"{len(held)} moving frames only repeat the one before, the first is frame {held[0]}." if held else detail
        yield _check("cadence", seen.lost_motion <= tolerances.LOST_MOTION and not held, 0, seen.lost_motion, detail)
    if seen.detail_kept is not None:
        fits = tolerances.DETAIL_KEPT[0] <= seen.detail_kept <= tolerances.DETAIL_KEPT[1]
        word = "is kept" if fits else "is lost" if seen.detail_kept < 1 else "is exaggerated"
        yield _check("detail", fits, 1, seen.detail_kept, f"Lasting detail {word}: {seen.detail_kept:.0%} of the source's.")
    if seen.edges_kept is not None:
        lowest = tolerances.EDGES_KEPT[0] if seen.detail_kept is not None else tolerances.EDGES_KEPT_ALONE
        fits = lowest <= seen.edges_kept <= tolerances.EDGES_KEPT[1]
        word = "are kept" if fits else "are soft or double" if seen.edges_kept < 1 else "are exaggerated"
        yield _check("edges", fits, 1, seen.edges_kept, f"Edges {word}: {seen.edges_kept:.0%} of the source's.")


def _grain(evidence: Evidence) -> Iterator[Check]:
    """Where detail is not treated, what is fine stays, grain included."""
    treatment = evidence.treatment
    if Band.DETAIL in treatment.bands or evidence.interpolates:
        return
    if max(evidence.diagnosis.reading.sharpness, evidence.reading.sharpness) > tolerances.SHARPNESS_UNSEEN:
        kept = _sharpness_kept(evidence)
        low = tolerances.SHARPNESS_KEPT[0] if not treatment.deblock else 0.0  # blocks are sharp: their edges go with them
        yield _check(
            "grain and sharpness",
            low <= kept <= tolerances.SHARPNESS_KEPT[1],
            1,
            kept,
            f"Sharpness, grain included, is {kept:.0%} of the source's.",
        )
    grain = evidence.fidelity.grain_kept
    if grain is not None and not (treatment.deblock or treatment.deband):  # bands and blocks are fine too
        yield _check("grain", grain >= tolerances.GRAIN_KEPT, 1, grain, f"In quiet places {grain:.0%} of the grain is kept.")


def _sharpness_kept(evidence: Evidence) -> float:
    return evidence.reading.sharpness / max(evidence.diagnosis.reading.sharpness, 1.0)


def _marks(seen: Fidelity) -> Iterator[Check]:
    marks = seen.marks
    if marks.halo is not None:
        word = "have no halos" if marks.halo <= tolerances.HALO else "have halos"
        yield _check(
            "halos", marks.halo <= tolerances.HALO, 0, marks.halo, f"Edges {word}: {marks.halo:.1%} of their contrast lies beyond them."
        )
    if marks.ghost is not None:
        yield _check(
            "ghosts",
            marks.ghost <= tolerances.GHOST,
            0,
            marks.ghost,
            f"A second image beside the first has {marks.ghost:.0%} of its strength.",
        )
    evens = (
        ("even repair", "flicker left", tolerances.EVEN_REPAIR, marks.evenness),
        ("even detail", "lasting detail", tolerances.EVEN_DETAIL, seen.even_detail),
        ("even grain", "sharpness", tolerances.EVEN_GRAIN, seen.even_grain),
    )
    for name, what, least, even in evens:
        if even is not None:
            word = "alike" if even >= least else "unlike"
            yield _check(
                name, even >= least, 1, even, f"Even and odd frames are {word}: the {what} in one half is {even:.0%} of the other's."
            )


def _jumps(seen: Jumps) -> Check:
    passed = seen.worst <= max(tolerances.JUMP_LEVELS, tolerances.JUMP * seen.before)
    more = max(0.0, seen.worst)
    detail = f"No frame changes much more than the source's; the worst is frame {seen.worst_frame}, by {more:.1f} levels."
    if not passed:
        detail = f"Frame {seen.worst_frame} changes by {more:.1f} levels more than the source's, in a tenth of the picture or more."
    return _check("no new jumps", passed, 0, more, detail)


def _inserted_frames(seen: Inserted) -> Iterator[Check]:
    steady = f"Inserted frames differ by {seen.pulse:.2f} levels in mean brightness from their neighbours."
    yield _check("no pulse", seen.pulse <= tolerances.INSERTED_PULSE_LEVELS, 0, seen.pulse, steady)
    tinted = f"Inserted frames differ by {seen.colour_pulse:.2f} levels in mean colour from their neighbours."
    yield _check("no colour pulse", seen.colour_pulse <= tolerances.INSERTED_PULSE_LEVELS, 0, seen.colour_pulse, tinted)
    if seen.sharpness is not None:
        detail = f"Inserted frames have {seen.sharpness:.0%} of their neighbours' sharpness."
        yield _check("even sharpness", seen.sharpness >= tolerances.INSERTED_SHARPNESS, 1, seen.sharpness, detail)
    if seen.follows_motion is not None:
        fits = seen.follows_motion >= tolerances.INSERTED_FOLLOWS
        detail = "Inserted frames follow the motion." if fits else "Inserted frames show double edges where things move."
        yield _check("no ghosts", fits, 1, seen.follows_motion, detail)
    if seen.repeats is not None:
        detail = f"{seen.repeats:.0%} of the inserted frames repeat a neighbour where things move."
        yield _check("new frames", seen.repeats <= tolerances.INSERTED_REPEATS, 0, seen.repeats, detail)


def praise(evidence: Evidence) -> str:
    """One sentence on what got better, and on what was seen to be kept."""
    achieved = [check for check in gains(evidence) if not check.name.startswith("flicker: ")]
    falls = [f"{check.name} fell by {1 - check.after / check.before:.0%}" for check in achieved if check.before and check.after is not None]
    seen, sharpness = evidence.fidelity, _sharpness_kept(evidence)
    is_softer = Band.DETAIL in evidence.treatment.bands and sharpness < tolerances.SOFTER
    measured = (
        ("motion", seen.motion_kept is not None),
        ("detail", not is_softer and (seen.detail_kept is not None or seen.edges_kept is not None)),
        ("sound", bool(evidence.result.audio)),
    )
    kept = _listed([name for name, known in measured if known]) or ("" if is_softer else "brightness and colour")
    parts = [
        _listed(falls),
        kept and f"{kept} {'are as they were' if ' and ' in kept else 'is as it was'}",
        f"detail is softer, with {sharpness:.0%} of its sharpness, in which its flicker counted too" if is_softer else "",
        "nothing pulses" if evidence.inserted is not None else "",
    ]
    text = "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}."


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _check(name: str, passed: bool, before: float | None, after: float | None, detail: str) -> Check:
    return Check(name, bool(passed), None if before is None else float(before), None if after is None else float(after), detail)
