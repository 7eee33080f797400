"""From a diagnosis and a request to a plan: which treatments are tried, in which order."""

from __future__ import annotations

from dataclasses import replace

from ..config.errors import RouteRefused
from ..config.profiles import Profile
from ..config.settings import Settings
from . import debanding, fields, regenerating
from .animations.animation_files import GIF
from .measurement import verdicts
from .prompts.stored import Stored
from .records import Band, Clip, CodecReading, Diagnosis, Passage, Plan, Progress, Request, Route, Treatment, Verdict

DEFLICKER_SIZE = 5
_GENTLE = 0.6
_PARTS = {Route.DEBAND_SMOOTH: {Route.DEBAND, Route.SMOOTH}}
_UNBLOCKED_BY_SMOOTHING = Treatment(Route.SMOOTH, bands=(Band.LOW_LUMA, Band.LOW_CHROMA, Band.DETAIL))
"""Blocks and pulses of key frames change from frame to frame where things move, and go when frames are averaged along motion."""
_WHY = {
    Verdict.LUMINANCE: "the brightness of the whole picture flickers",
    Verdict.GENERATIVE: "parts of the picture are drawn anew from frame to frame",
    Verdict.CODEC: "compression left its marks",
}


def route_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    assert passage.clip is not None
    assert passage.diagnosis is not None
    return replace(passage, plan=plan(passage.request, passage.clip, passage.diagnosis, settings, passage.stored))


def plan(request: Request, clip: Clip, diagnosis: Diagnosis, settings: Settings, stored: Stored | None = None) -> Plan:
    """Raises RouteRefused where the clip does not fit what was asked for, NotSetUp for what is not here."""
    planned = _plan(request, clip, diagnosis, settings, stored)
    treatments = tuple(replace(one, profile=request.profile) for one in planned.treatments)
    if clip.container == GIF and request.profile is Profile.MATCH and treatments and not planned.named_by_user:
        treatments = (*treatments, replace(treatments[0], as_movie=True))  # should its 256 colours undo every repair
    return replace(planned, treatments=treatments)


def _plan(request: Request, clip: Clip, diagnosis: Diagnosis, settings: Settings, stored: Stored | None) -> Plan:
    named = request.route or (Route.DEBAND if request.preset else None)
    if named is Route.REGENERATE and request.preset is None:
        return regenerating.plan(request, clip, diagnosis, stored, settings)
    if named is not None:
        return _as_named(request, named, clip, diagnosis)
    if diagnosis.verdict is Verdict.INCOHERENT:
        return _keep("Objects change from frame to frame, which no repair mends.")
    treatments = tuple(replace(one, strength=one.strength * request.strength) for one in _unasked(diagnosis))
    if not treatments:
        return _keep("Nothing to repair.")
    obstacles = [fields.obstacle(clip, one.route) for one in treatments]
    possible = tuple(one for one, obstacle in zip(treatments, obstacles, strict=True) if obstacle is None)
    if obstacles[0] is not None and not possible:
        return _keep(obstacles[0])
    allowed = tuple(one for one in possible if _PARTS.get(one.route, {one.route}) <= set(request.routes))
    if not allowed:
        return _keep(f"The route {possible[0].route} would repair it, but this hot folder does not allow it.")
    why = _WHY[diagnosis.verdict]
    rivals = 2 if {one.route for one in allowed[:2]} == {Route.SMOOTH, Route.DEBAND} else 0
    return Plan(allowed[0].route, allowed, named_by_user=False, reason=f"Because {why}.", rivals=rivals)


def _keep(reason: str) -> Plan:
    return Plan(Route.KEEP, (), named_by_user=False, reason=reason)


def _as_named(request: Request, route: Route, clip: Clip, diagnosis: Diagnosis) -> Plan:
    if request.preset is not None:
        if route not in (Route.DEBAND, Route.INTERPOLATE):
            raise RouteRefused(f"The article has no preset for the route {route}. Use it with deband or interpolate.", path=clip.path)
        debanding.refuse_article(clip, route)
    hindered = fields.obstacle(clip, route)
    if hindered is not None:
        raise RouteRefused(hindered, path=clip.path)
    treatments = () if route is Route.KEEP else (_named_treatment(request, route, diagnosis),)
    return Plan(route, treatments, named_by_user=True, reason="Because it was asked for.")


def _named_treatment(request: Request, route: Route, diagnosis: Diagnosis) -> Treatment:
    if route is Route.INTERPOLATE:
        return Treatment(
            route,
            factor=request.factor or 2,
            fps=request.fps,
            slow_motion=request.slow_motion,
            drops_duplicates=request.drops_duplicates,
            strength=request.strength,
            preset=request.preset,
        )
    if request.preset is not None:
        return Treatment(route, deband=True, deflicker_size=DEFLICKER_SIZE, preset=request.preset)
    bands = diagnosis.flickering or tuple(Band)
    found = _codec(diagnosis.reading.codec, bands if route is Route.DEBAND_SMOOTH else ())[0]
    return Treatment(
        route,
        bands=bands if route in (Route.SMOOTH, Route.DEBAND_SMOOTH) else (),
        deflicker_size=DEFLICKER_SIZE if route is Route.DEBAND and diagnosis.verdict is Verdict.LUMINANCE else None,
        strength=request.strength,
        deband=route in (Route.DEBAND, Route.DEBAND_SMOOTH),
        deblock=found.deblock and route is not Route.SMOOTH,
        depulse=found.depulse and route is Route.DEBAND,
    )


def _unasked(diagnosis: Diagnosis) -> tuple[Treatment, ...]:
    """What the verdict calls for, first the fullest, then gentler."""
    bands = diagnosis.flickering
    match diagnosis.verdict:
        case Verdict.GENERATIVE:
            treatments = _smoothing(bands)
        case Verdict.LUMINANCE:
            treatments = (*_smoothing(bands)[:1], Treatment(Route.DEBAND, deflicker_size=DEFLICKER_SIZE), *_smoothing(bands)[1:])
        case Verdict.CODEC:
            return _codec(diagnosis.reading.codec, bands if diagnosis.route is Route.DEBAND_SMOOTH else ())
        case _:
            return ()
    if diagnosis.route is Route.DEBAND_SMOOTH:
        return (*_codec(diagnosis.reading.codec, bands)[:1], *treatments)
    return treatments


def _smoothing(bands: tuple[Band, ...]) -> tuple[Treatment, ...]:
    """All bands; then without detail, which costs most where it is mistaken; then the worst band, gently."""
    coarse = tuple(band for band in bands if band is not Band.DETAIL)
    full = Treatment(Route.SMOOTH, bands=bands)
    without_detail = (replace(full, bands=coarse),) if coarse and coarse != bands else ()
    return (full, *without_detail, replace(full, bands=bands[:1], strength=_GENTLE))


def _codec(codec: CodecReading, bands: tuple[Band, ...]) -> tuple[Treatment, ...]:
    """Smoothing takes the frames as they came: only the chain without it spreads the pulses of key frames. Blocks may
    pass for bands, and debanding them only adds grain: where both show, the chain without it comes next.
    """
    bands_show, blocks, pulses = (fault(codec) > 1 for fault in (verdicts.banding_fault, verdicts.blocking_fault, verdicts.pulse_fault))
    alone = Treatment(Route.DEBAND, deband=bands_show or not (blocks or pulses), deblock=blocks, depulse=pulses)
    if bands:
        return replace(alone, route=Route.DEBAND_SMOOTH, bands=bands, deblock=blocks or pulses, depulse=False), alone
    if not alone.deband:
        return alone, replace(_UNBLOCKED_BY_SMOOTHING, deblock=blocks, depulse=pulses)
    return (alone, replace(alone, deband=False)) if blocks or pulses else (alone,)
