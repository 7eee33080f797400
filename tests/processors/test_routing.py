"""Plans: DESIGN's table, what a hot folder allows, what a user names, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from deshimmer.config.errors import RouteRefused
from deshimmer.config.settings import Settings
from deshimmer.processors import routing
from deshimmer.processors.records import Band, Clip, CodecReading, ColorTags, Diagnosis, Plan, Reading, Request, Route, Treatment, Verdict

CLIP = Clip(
    Path("/clips/a.mp4"), "0", 1, "mov", "h264", "yuv420p", 8, 640, 360, 48, Fraction(24), Fraction(1, 24), Fraction(2), False, 0, Fraction(1),
    False, False, ColorTags(), (),
)  # fmt: skip
REQUEST = Request(Path("/clips/a.mp4"), Path("/out"), "a.mp4")
SOUND = CodecReading(0.5, 0.0, None)
BANDED = CodecReading(15.0, 0.0, None)
BLOCKY = CodecReading(0.5, 1.2, None)
PULSING = CodecReading(0.5, 0.1, 3.0)
BREAKING = CodecReading(15.0, 1.2, 3.0)


def _diagnosis(verdict: Verdict, bands: tuple[Band, ...] = (), codec: CodecReading = SOUND, route: Route = Route.SMOOTH) -> Diagnosis:
    reading = Reading({}, codec, 0.8, 5.0, 100.0, 1.0)
    return Diagnosis(verdict, 0.9, route, "", {}, (), reading, (), "clean", None, bands)


def _plan(diagnosis: Diagnosis, request: Request = REQUEST, clip: Clip = CLIP) -> Plan:
    return routing.plan(request, clip, diagnosis, Settings())


def test_clean_and_incoherent_are_kept() -> None:
    for verdict in (Verdict.CLEAN, Verdict.INCOHERENT):
        found = _plan(_diagnosis(verdict, route=Route.KEEP))
        assert (found.route, found.treatments, found.named_by_user) == (Route.KEEP, (), False)


def test_generative_is_smoothed_then_more_gently() -> None:
    found = _plan(_diagnosis(Verdict.GENERATIVE, (Band.LOW_CHROMA, Band.DETAIL)))
    assert found.route is Route.SMOOTH
    assert [treatment.bands for treatment in found.treatments] == [(Band.LOW_CHROMA, Band.DETAIL), (Band.LOW_CHROMA,), (Band.LOW_CHROMA,)]
    assert [treatment.strength for treatment in found.treatments] == [1.0, 1.0, 0.6]


def test_luminance_is_smoothed_or_else_deflickered() -> None:
    first, second, *_ = _plan(_diagnosis(Verdict.LUMINANCE, (Band.GLOBAL_LUMA,))).treatments
    assert first == Treatment(Route.SMOOTH, bands=(Band.GLOBAL_LUMA,))
    assert second == Treatment(Route.DEBAND, deflicker_size=5)


def test_two_routes_that_could_serve_are_rivals() -> None:
    pulsing = _diagnosis(Verdict.LUMINANCE, (Band.GLOBAL_LUMA,))
    assert _plan(pulsing).rivals == 2
    assert _plan(pulsing, replace(REQUEST, routes=(Route.SMOOTH,))).rivals == 0
    assert _plan(pulsing, replace(REQUEST, route=Route.SMOOTH)).rivals == 0
    assert _plan(_diagnosis(Verdict.GENERATIVE, (Band.LOW_LUMA, Band.DETAIL))).rivals == 0
    assert _plan(_diagnosis(Verdict.LUMINANCE, (Band.GLOBAL_LUMA,), BANDED, Route.DEBAND_SMOOTH)).rivals == 0


@pytest.mark.parametrize(
    ("codec", "chains"),
    [
        (BANDED, ({"deband": True},)),
        (BLOCKY, ({"deblock": True}, {"deblock": True})),
        (PULSING, ({"depulse": True}, {"depulse": True})),
        (BREAKING, ({"deband": True, "deblock": True, "depulse": True}, {"deblock": True, "depulse": True})),
    ],
)
def test_each_codec_damage_has_its_chain(codec: CodecReading, chains: tuple[dict[str, bool], ...]) -> None:
    found = _plan(_diagnosis(Verdict.CODEC, codec=codec, route=Route.DEBAND))
    told = [{name: True for name in ("deband", "deblock", "depulse") if getattr(each, name)} for each in found.treatments]
    assert tuple(told) == chains


@pytest.mark.parametrize(("codec", "rivals"), [(BANDED, 0), (BLOCKY, 2), (PULSING, 2), (BREAKING, 0)])
def test_blocks_and_pulses_may_go_by_smoothing_as_well(codec: CodecReading, rivals: int) -> None:
    found = _plan(_diagnosis(Verdict.CODEC, codec=codec, route=Route.DEBAND))
    assert found.rivals == rivals
    second = found.treatments[-1].bands
    assert second == ((Band.LOW_LUMA, Band.LOW_CHROMA, Band.DETAIL) if rivals else ())


def test_pulses_beside_flicker_are_left_to_smoothing_first() -> None:
    first, second = _plan(_diagnosis(Verdict.CODEC, (Band.DETAIL,), PULSING, Route.DEBAND_SMOOTH)).treatments
    assert (first.route, first.deblock, first.depulse) == (Route.DEBAND_SMOOTH, True, False)
    assert (second.route, second.depulse) == (Route.DEBAND, True)


def test_both_are_repaired_in_one_go_first() -> None:
    found = _plan(_diagnosis(Verdict.GENERATIVE, (Band.LOW_LUMA,), BANDED, Route.DEBAND_SMOOTH))
    assert found.route is Route.DEBAND_SMOOTH
    assert found.treatments[0] == Treatment(Route.DEBAND_SMOOTH, bands=(Band.LOW_LUMA,), deband=True)
    assert found.treatments[1].route is Route.SMOOTH


def test_strength_is_the_requests() -> None:
    found = _plan(_diagnosis(Verdict.GENERATIVE, (Band.LOW_LUMA,)), replace(REQUEST, strength=1.5))
    assert [treatment.strength for treatment in found.treatments] == pytest.approx([1.5, 0.9])


def test_a_hot_folder_limits_what_runs_unasked() -> None:
    both = _diagnosis(Verdict.GENERATIVE, (Band.LOW_LUMA,), BANDED, Route.DEBAND_SMOOTH)
    assert _plan(both, replace(REQUEST, routes=(Route.SMOOTH,))).route is Route.SMOOTH
    refused = _plan(both, replace(REQUEST, routes=()))
    assert refused.route is Route.KEEP
    assert "does not allow" in refused.reason


@pytest.mark.parametrize("route", [Route.SMOOTH, Route.DEBAND, Route.DEBAND_SMOOTH, Route.INTERPOLATE, Route.KEEP])
def test_a_named_route_is_taken_on_a_clean_clip(route: Route) -> None:
    found = _plan(_diagnosis(Verdict.CLEAN, route=Route.KEEP), replace(REQUEST, route=route, routes=(), factor=4))
    assert found.named_by_user
    assert found.route is route
    assert [treatment.route for treatment in found.treatments] == ([] if route is Route.KEEP else [route])
    if route is Route.INTERPOLATE:
        assert found.treatments[0].factor == 4
    if route is Route.SMOOTH:
        assert found.treatments[0].bands == tuple(Band)


def test_a_named_deband_also_deflickers_where_the_whole_picture_flickers() -> None:
    named = replace(REQUEST, route=Route.DEBAND)
    bands = (Band.GLOBAL_LUMA,)
    sizes = [_plan(_diagnosis(verdict, bands), named).treatments[0].deflicker_size for verdict in (Verdict.LUMINANCE, Verdict.GENERATIVE)]
    assert sizes == [5, None]


def test_the_articles_presets() -> None:
    clean = _diagnosis(Verdict.CLEAN)
    interpolated = _plan(clean, replace(REQUEST, route=Route.INTERPOLATE, preset="article")).treatments[0]
    assert (interpolated.factor, interpolated.preset) == (2, "article")
    debanded = _plan(clean, replace(REQUEST, route=Route.DEBAND, preset="article")).treatments[0]
    assert (debanded.deflicker_size, debanded.deband, debanded.preset) == (5, True, "article")


@pytest.mark.parametrize(
    "clip",
    [replace(CLIP, bit_depth=10), replace(CLIP, has_alpha=True), replace(CLIP, color=ColorTags(transfer="smpte2084"))],
    ids=["10 bit", "alpha", "HDR"],
)
@pytest.mark.parametrize("route", [Route.DEBAND, Route.INTERPOLATE])
def test_the_articles_preset_is_refused_where_it_would_take_something(clip: Clip, route: Route) -> None:
    with pytest.raises(RouteRefused):
        _plan(_diagnosis(Verdict.CLEAN), replace(REQUEST, route=route, preset="article"), clip)


def test_the_preset_alone_is_the_articles_deband_and_no_other_route_has_one() -> None:
    shaky = _diagnosis(Verdict.GENERATIVE, (Band.LOW_LUMA,))
    found = _plan(shaky, replace(REQUEST, preset="article"))
    assert (found.route, found.named_by_user, found.treatments[0].preset) == (Route.DEBAND, True, "article")
    with pytest.raises(RouteRefused, match="no preset for the route smooth"):
        _plan(shaky, replace(REQUEST, route=Route.SMOOTH, preset="article"))


def test_interlaced_clips_are_kept_and_a_named_repair_is_refused() -> None:
    shaky, fields = _diagnosis(Verdict.GENERATIVE, (Band.LOW_LUMA,)), replace(CLIP, interlaced=True)
    found = _plan(shaky, clip=fields)
    assert (found.route, found.treatments) == (Route.KEEP, ())
    assert "interlaced" in found.reason
    with pytest.raises(RouteRefused, match="Deinterlace it first"):
        _plan(shaky, replace(REQUEST, route=Route.SMOOTH), fields)
    assert _plan(shaky, replace(REQUEST, route=Route.KEEP), fields).route is Route.KEEP


def test_fields_are_smoothed_where_the_fullest_repair_treats_whole_frames_only() -> None:
    found = _diagnosis(Verdict.LUMINANCE, (Band.GLOBAL_LUMA,), route=Route.DEBAND_SMOOTH)
    fields = replace(CLIP, interlaced=True, field_order="top", height=480)
    assert {one.route for one in _plan(found, clip=fields).treatments} == {Route.SMOOTH}
    assert _plan(found).route is Route.DEBAND_SMOOTH
    kept = _plan(found, replace(REQUEST, routes=(Route.DEBAND,)), fields)
    assert (kept.route, kept.reason) == (Route.KEEP, "The route smooth would repair it, but this hot folder does not allow it.")


def test_regeneration_needs_a_prompt() -> None:
    with pytest.raises(RouteRefused, match="No prompt is stored"):
        _plan(_diagnosis(Verdict.GENERATIVE), replace(REQUEST, route=Route.REGENERATE))
