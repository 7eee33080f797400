"""What is required of a result, and by how much: the tolerances, and a check for each with one sentence for a person.

``wholeness``: it is the clip that it stands for (else it is broken). ``gains``: less of what the plan set out to repair. ``harms``: no
more of anything else, and nothing lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from . import timing
from .fidelity import Fidelity
from .inserted import Inserted
from .records import Band, Check, Clip, CodecReading, Diagnosis, Reading, Route, Treatment

LEAST_FALL = 0.20
"""A repair that takes away less than this part cannot be told from its source by eye; the article asks for 30-60 % of its own measure."""
STILL_LEVELS = 0.45
"""A band under this amplitude (8-bit levels) shows nothing, and encoding at crf 16 adds up to 0.4: it counts as gone, and as not gone up."""
BAND_RISE = 1.15
"""An untreated band may read this much higher: treatment and encoding change the frames that it is measured on."""
SCORE_RISE, SCORE_UNSEEN = 0.05, 0.45
"""At a flicker score of 0.5 flicker begins to show; a steady clip lies anywhere under 0.35 and moves when it is encoded again."""
CAMBI_RISE, CAMBI_UNSEEN = 1.0, 3.0
"""CAMBI: 5 is visible. Flicker hides banding as dither does, so a rise that stays under 3 is the picture's own."""
POSTERISATION_UNSEEN = 0.01
"""Share of the picture on coarse steps: 0.02 begins to show."""
BLOCKINESS_RISE, BLOCKINESS_UNSEEN = 0.08, 0.35
"""Two encodes of one clip differ by 0.07; 0.42 begins to show, and flicker hides what was there."""
PULSE_RISE_LEVELS, PULSE_UNSEEN_LEVELS = 0.3, 0.3
"""Beyond what hides it 0.4 levels begin to show."""
DETAIL_KEPT = (0.82, 1.30)
"""Gain of the detail that persists from frame to frame. Thirteen repairs of real clips keep 0.95-1.01 of it; encoding at crf 16 beneath
strong detail flicker 0.83; a blur of one pixel leaves 0.2-0.45, the median of three frames 0.75-0.80 where things move by two pixels, their
mean 0.16-0.32. An unsharp mask makes 1.46. Where little persists, a mean over frames reads up to 1.16.
"""
EDGES_KEPT = (0.80, 1.15)
EDGES_KEPT_ALONE = 0.88
"""Strength of each frame's strong edges: a perfect repair keeps 0.96 or more, a double image 0.65-0.78. Where nothing persists from
frame to frame the edges are the only witness of detail; a blur of one pixel leaves 0.86 of them.
"""
SHARPNESS_KEPT, SHARPNESS_UNSEEN = (0.70, 1.25), 20.0
"""Squared Laplacian, grain included, where detail is not treated: crf 16 keeps 0.80 of it or more. Real clips have over 80; what a soft
picture has is rounding.
"""
MOTION_KEPT = 0.60
"""Part of the change that the source's motion explains: a perfect repair keeps 0.88 or more, of heavy flicker (part of which the flow
takes for motion) 0.7; a clip frozen half-way none.
"""
LOST_MOTION = 0.10
"""Part of the moving frames on which motion may be missing: an encoder skips the faintest. None may repeat the one before it altogether."""
LUMA_SHIFT_LEVELS = 1.5
CHROMA_SHIFT_LEVELS = 1.0
_CHANCE = 3.0  # standard errors
"""Lasting change of the mean, beyond what flicker itself leaves in it. Rounding in 8-bit filters moves it by up to one level; two begin
to show in a cut between original and result.
"""
CONTRAST = (0.93, 1.07)
"""Slope of the mean picture, which a perfect repair of strong patches keeps within 0.03."""
LOCAL_LUMA_LEVELS, LOCAL_CHROMA_LEVELS = 2.5, 2.0
"""Lasting change of any one place a tenth of the picture wide, beyond chance. Thirteen repairs of real clips: 0-0.9 and 0-0.8; a tint of 6
RGB levels on a third of the picture: 2.7-3.2, a light of 8: 2.8-6.2.
"""
HALO = 0.005
"""Overshoot beside edges, in parts of their contrast. Those repairs: 0.0001-0.002; unsharp masks (radius 1.2-10, amount 0.7-0.3):
0.006-0.023.
"""
GHOST = 0.10
"""Strength of a second image. Those repairs: 0.002-0.02; a ghost of a quarter of the picture's strength: 0.25-0.33."""
GRAIN_KEPT = 0.60
"""Squared Laplacian in the quieter half of the picture, where detail is not treated: those repairs keep 0.86-1.1 of it, crf 16 of a grain of
1.5 levels 0.69; a denoiser leaves 0.18-0.39.
"""
EVEN_REPAIR, EVEN_DETAIL, EVEN_GRAIN = 0.80, 0.91, 0.58
"""Where only every second frame was changed: a frame interpolated between two untouched ones reads as calm. Of flicker 0.31-0.54 is left
in one half for each 1 in the other (those repairs: 0.94 and more); of detail the interpolated frames keep 0.80-0.89 of what the others do
(those repairs: 0.95 and more); of all that is fine, flickering or not, 0.38-0.53 (those repairs: 0.63, where the encoder's own frames
alternate, and 0.94 and more).
"""
INSERTED_PULSE_LEVELS = 0.5
"""Brightness and colour of inserted frames against source frames: half a level at half the frame rate is not seen."""
INSERTED_SHARPNESS = 0.50
"""Inserted frames are softer (they are warped); under half their neighbours' energy the result pulses in sharpness."""
INSERTED_FOLLOWS = 0.50
"""1 follows the motion, 0 is a cross-fade with double edges. Frames that repeat a neighbour, because they would have been ghosts, are
counted apart. Frames under RIFE's own limit for ghosts have 0.55-1.3 where anything moves by more than encoding hides.
"""
INSERTED_REPEATS = 0.50
"""Part of the inserted frames that may repeat a neighbour where things move: with more of them the clip moves as it did before."""

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
    same = _same_size(clip, result)
    yield _check("size", same, None, None, f"The picture is {sizes[1]}{', as it was' if same else f' instead of {sizes[0]}'}.")
    yield _sound(evidence)
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


def _same_size(clip: Clip, result: Clip) -> bool:
    """Equal as a player shows it, but for the pixel that rounding of the pixel aspect may cost."""
    return all(abs(mine - theirs) <= 1 for mine, theirs in zip(clip.display_size, result.display_size, strict=True))


def _sound(evidence: Evidence) -> Check:
    mine, theirs = evidence.clip.audio, evidence.result.audio
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
        yield _fallen("flicker", "Flicker of the treated bands", _total(before, bands), _total(after, bands), "levels", STILL_LEVELS)
        for band in bands:
            yield _band_fallen(band, before, after)
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
    passed = after < before and (after <= before * (1 - LEAST_FALL) or after <= still < before)
    word = "fell" if after < before else "did not fall"
    unit = f" {unit}" if unit else ""
    change = f" ({(after / before - 1):+.0%})" if before > 0 else ""
    verdict = "" if passed else f"; at least {LEAST_FALL:.0%} less is asked for"
    return _check(name, passed, before, after, f"{what} {word}: from {before:.2f} to {after:.2f}{unit}{change}{verdict}.")


def _band_fallen(band: Band, before: Reading, after: Reading) -> Check:
    old, new = before.bands[band].amplitude, after.bands[band].amplitude
    passed = new < old or new <= STILL_LEVELS
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
    _Damage("banding", "Banding (CAMBI)", "cambi", "", CAMBI_UNSEEN, CAMBI_RISE),
    _Damage("coarse steps", "The share of coarse steps", "posterisation", "", POSTERISATION_UNSEEN, POSTERISATION_UNSEEN),
)
_BLOCKING = (
    _Damage("blocking", "Blocking", "blockiness", "", BLOCKINESS_UNSEEN, BLOCKINESS_UNSEEN),
    _Damage("keyframe pulse", "Pulsing at key frames", "keyframe_pulse", "levels", PULSE_UNSEEN_LEVELS, PULSE_UNSEEN_LEVELS),
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
    yield from _codec_damage(evidence)
    yield from _grade(evidence)
    yield from _motion_and_detail(evidence)
    yield from _grain(evidence)
    yield from _marks(evidence.fidelity)
    if evidence.inserted is not None:
        yield from _inserted_frames(evidence.inserted)


def _untreated_bands(evidence: Evidence) -> Iterator[Check]:
    before, after = evidence.diagnosis.reading, evidence.reading
    treated = treated_bands(evidence.treatment, evidence.diagnosis)
    for band in Band:
        if band in treated or band not in before.bands or band not in after.bands:
            continue
        old, new = before.bands[band].amplitude, after.bands[band].amplitude
        passed = new <= max(old * BAND_RISE + 0.1, STILL_LEVELS)
        verb = "did not rise" if passed else "rose"
        yield _check(
            f"steady: {band}", passed, old, new, f"Flicker in {BAND_WORDS[band]} {verb}: {old:.2f} before, {new:.2f} levels after."
        )
    old, new = before.flicker_score, after.flicker_score
    yield _check(
        "flicker score", new <= max(old + SCORE_RISE, SCORE_UNSEEN), old, new, f"The flicker score went from {old:.2f} to {new:.2f}."
    )


def _codec_damage(evidence: Evidence) -> Iterator[Check]:
    before, after = evidence.diagnosis.reading.codec, evidence.reading.codec
    if before.cambi is not None and after.cambi is not None and not evidence.treatment.deband:
        passed = after.cambi <= max(before.cambi + CAMBI_RISE, CAMBI_UNSEEN)
        yield _check(
            "no new banding", passed, before.cambi, after.cambi, f"Banding (CAMBI) is {after.cambi:.1f}, it was {before.cambi:.1f}."
        )
    blocks = (before.blockiness, after.blockiness, BLOCKINESS_RISE, BLOCKINESS_UNSEEN)
    pulses = (before.keyframe_pulse, after.keyframe_pulse, PULSE_RISE_LEVELS, PULSE_UNSEEN_LEVELS)
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
        return _CHANCE * min(error, amplitude / max(1, evidence.clip.frames) ** 0.5)

    luma = LUMA_SHIFT_LEVELS + share(seen.marks.luma_error, Band.GLOBAL_LUMA, Band.LOW_LUMA)
    chroma = CHROMA_SHIFT_LEVELS + share(seen.marks.chroma_error, Band.LOW_CHROMA)
    yield _check("brightness", abs(seen.luma_shift) <= luma, 0, seen.luma_shift, f"Mean brightness moved by {seen.luma_shift:+.2f} levels.")
    yield _check("colour", seen.chroma_shift <= chroma, 0, seen.chroma_shift, f"Mean colour moved by {seen.chroma_shift:.2f} levels.")
    fits = CONTRAST[0] <= seen.contrast <= CONTRAST[1]
    yield _check("contrast", fits, 1, seen.contrast, f"Contrast is {seen.contrast:.0%} of the source's.")
    places = (
        ("local brightness", "Brightness", LOCAL_LUMA_LEVELS, seen.marks.local_luma),
        ("local colour", "Colour", LOCAL_CHROMA_LEVELS, seen.marks.local_chroma),
    )
    for name, what, most, moved in places:
        yield _check(name, moved <= most, 0, moved, f"{what} moved by {moved:.1f} levels, beyond chance, where it moved most.")


def _motion_and_detail(evidence: Evidence) -> Iterator[Check]:
    seen = evidence.fidelity
    if seen.motion_kept is not None and seen.lost_motion is not None:
        detail = f"{seen.motion_kept:.0%} of the source's motion is kept."
        yield _check("motion", seen.motion_kept >= MOTION_KEPT, 1, seen.motion_kept, detail)
        held = seen.held_frames
        detail = f"{seen.lost_motion:.0%} of the moving frames stand still." if seen.lost_motion else "Every moving frame still moves."
        detail = f"{len(held)} moving frames only repeat the one before, the first is frame {held[0]}." if held else detail
        yield _check("cadence", seen.lost_motion <= LOST_MOTION and not held, 0, seen.lost_motion, detail)
    if seen.detail_kept is not None:
        fits = DETAIL_KEPT[0] <= seen.detail_kept <= DETAIL_KEPT[1]
        word = "is kept" if fits else "is lost" if seen.detail_kept < 1 else "is exaggerated"
        yield _check("detail", fits, 1, seen.detail_kept, f"Lasting detail {word}: {seen.detail_kept:.0%} of the source's.")
    if seen.edges_kept is not None:
        lowest = EDGES_KEPT[0] if seen.detail_kept is not None else EDGES_KEPT_ALONE
        fits = lowest <= seen.edges_kept <= EDGES_KEPT[1]
        word = "are kept" if fits else "are soft or double" if seen.edges_kept < 1 else "are exaggerated"
        yield _check("edges", fits, 1, seen.edges_kept, f"Edges {word}: {seen.edges_kept:.0%} of the source's.")


def _grain(evidence: Evidence) -> Iterator[Check]:
    """Where detail is not treated, what is fine stays, grain included."""
    treatment = evidence.treatment
    if Band.DETAIL in treatment.bands or evidence.interpolates:
        return
    before, after = evidence.diagnosis.reading.sharpness, evidence.reading.sharpness
    if max(before, after) > SHARPNESS_UNSEEN:
        kept = after / max(before, 1.0)
        low = SHARPNESS_KEPT[0] if not treatment.deblock else 0.0  # blocks are sharp: their edges go with them
        yield _check(
            "grain and sharpness", low <= kept <= SHARPNESS_KEPT[1], 1, kept, f"Sharpness, grain included, is {kept:.0%} of the source's."
        )
    grain = evidence.fidelity.grain_kept
    if grain is not None and not (treatment.deblock or treatment.deband):  # bands and blocks are fine too
        yield _check("grain", grain >= GRAIN_KEPT, 1, grain, f"In quiet places {grain:.0%} of the grain is kept.")


def _marks(seen: Fidelity) -> Iterator[Check]:
    marks = seen.marks
    if marks.halo is not None:
        word = "have no halos" if marks.halo <= HALO else "have halos"
        yield _check("halos", marks.halo <= HALO, 0, marks.halo, f"Edges {word}: {marks.halo:.1%} of their contrast lies beyond them.")
    if marks.ghost is not None:
        yield _check(
            "ghosts", marks.ghost <= GHOST, 0, marks.ghost, f"A second image beside the first has {marks.ghost:.0%} of its strength."
        )
    evens = (
        ("even repair", "flicker left", EVEN_REPAIR, marks.evenness),
        ("even detail", "lasting detail", EVEN_DETAIL, seen.even_detail),
        ("even grain", "sharpness", EVEN_GRAIN, seen.even_grain),
    )
    for name, what, least, even in evens:
        if even is not None:
            word = "alike" if even >= least else "unlike"
            yield _check(
                name, even >= least, 1, even, f"Even and odd frames are {word}: the {what} in one half is {even:.0%} of the other's."
            )


def _inserted_frames(seen: Inserted) -> Iterator[Check]:
    steady = f"Inserted frames differ by {seen.pulse:.2f} levels in mean brightness from their neighbours."
    yield _check("no pulse", seen.pulse <= INSERTED_PULSE_LEVELS, 0, seen.pulse, steady)
    tinted = f"Inserted frames differ by {seen.colour_pulse:.2f} levels in mean colour from their neighbours."
    yield _check("no colour pulse", seen.colour_pulse <= INSERTED_PULSE_LEVELS, 0, seen.colour_pulse, tinted)
    if seen.sharpness is not None:
        detail = f"Inserted frames have {seen.sharpness:.0%} of their neighbours' sharpness."
        yield _check("even sharpness", seen.sharpness >= INSERTED_SHARPNESS, 1, seen.sharpness, detail)
    if seen.follows_motion is not None:
        fits = seen.follows_motion >= INSERTED_FOLLOWS
        detail = "Inserted frames follow the motion." if fits else "Inserted frames show double edges where things move."
        yield _check("no ghosts", fits, 1, seen.follows_motion, detail)
    if seen.repeats is not None:
        detail = f"{seen.repeats:.0%} of the inserted frames repeat a neighbour where things move."
        yield _check("new frames", seen.repeats <= INSERTED_REPEATS, 0, seen.repeats, detail)


def praise(evidence: Evidence) -> str:
    """One sentence on what got better, and on what was seen to be kept."""
    achieved = [check for check in gains(evidence) if not check.name.startswith("flicker: ")]
    falls = [f"{check.name} fell by {1 - check.after / check.before:.0%}" for check in achieved if check.before and check.after is not None]
    seen = evidence.fidelity
    measured = (
        ("motion", seen.motion_kept is not None),
        ("detail", seen.detail_kept is not None or seen.edges_kept is not None),
        ("sound", bool(evidence.clip.audio)),
    )
    kept = _listed([name for name, known in measured if known]) or "brightness and colour"
    parts = [
        _listed(falls),
        f"{kept} {'are as they were' if ' and ' in kept else 'is as it was'}",
        "nothing pulses" if evidence.inserted is not None else "",
    ]
    text = "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}."


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _check(name: str, passed: bool, before: float | None, after: float | None, detail: str) -> Check:
    return Check(name, bool(passed), None if before is None else float(before), None if after is None else float(after), detail)
