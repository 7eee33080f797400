"""What ``fix`` may be asked for besides the clip: which values are allowed, which go together, and the request that they make."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..config import profiles
from ..config.errors import WrongUsage
from ..config.profiles import Profile
from ..config.settings import Settings
from . import timing
from .records import Request, Route

PRESETS = ("article",)
MOST_CANDIDATES = 8


@dataclass(frozen=True)
class Options:
    """As ``api.fix`` takes them."""

    route: Route | str | None = None
    profile: Profile | str = Profile.MATCH
    preset: str | None = None
    strength: float | None = None
    factor: int | None = None
    fps: Fraction | float | None = None
    slow_motion: bool = False
    drop_duplicates: bool = False
    candidates: int | None = None
    preview: bool = False

    @property
    def interpolates(self) -> bool:
        return self.factor is not None or self.fps is not None or self.slow_motion or self.drop_duplicates

    def check(self) -> None:
        """Raises WrongUsage for what is out of range or does not go together."""
        for is_wrong, message in (*self._out_of_range(), *self._not_together()):
            if is_wrong:
                raise WrongUsage(message)

    def request(self, source: Path, output_dir: Path, shown_path: str, settings: Settings, *, comparison: bool, markers: bool) -> Request:
        """Raises WrongUsage as ``check`` does."""
        self.check()
        named = None if self.route is None else Route(self.route)
        return Request(
            path=source,
            output_dir=output_dir,
            shown_path=shown_path,
            route=Route.INTERPOLATE if self.interpolates else named,
            profile=Profile(self.profile),
            preset=self.preset,
            strength=settings.repair.strength if self.strength is None else self.strength,
            factor=self.factor,
            fps=None if self.fps is None else frame_rate(self.fps),
            slow_motion=self.slow_motion,
            drops_duplicates=self.drop_duplicates,
            preview=self.preview,
            comparison=comparison,
            markers=markers,
            candidates=self.candidates or 1,
        )

    def _out_of_range(self) -> tuple[tuple[bool, str], ...]:
        route, preset, strength, factor, fps, candidates = self.route, self.preset, self.strength, self.factor, self.fps, self.candidates
        return (
            (route is not None and route not in list(Route), f"There is no route '{route}'. The routes are: {', '.join(Route)}."),
            (self.profile not in list(Profile), profiles.unknown(self.profile)),
            (preset is not None and preset not in PRESETS, f"There is no preset '{preset}'. The presets are: {', '.join(PRESETS)}."),
            (strength is not None and not 0 <= strength <= 2, "--strength goes from 0 to 2; 1 removes what was measured."),
            (factor is not None and factor < 2, "--factor multiplies the frame rate: give 2 or more."),
            (fps is not None and fps <= 0, "--fps must be more than 0."),
            (candidates is not None and not 1 <= candidates <= MOST_CANDIDATES, f"--candidates goes from 1 to {MOST_CANDIDATES}."),
        )

    def _not_together(self) -> tuple[tuple[bool, str], ...]:
        route = self.route
        return (
            (
                self.preset is not None and self.profile != Profile.MATCH,
                "--preset article is delivered as the article has it. Leave out --profile or --preset.",
            ),
            (
                self.preset is not None and route not in (None, Route.DEBAND, Route.INTERPOLATE),
                f"The article has no preset for the route {route}. Use it with deband or interpolate.",
            ),
            (self.factor is not None and self.fps is not None, "--factor and --fps both set the frame rate. Give one of them."),
            (
                self.interpolates and route not in (None, Route.INTERPOLATE),
                f"--factor, --fps, --slow-motion and --drop-duplicates mean --route interpolate, not --route {route}. Leave one out.",
            ),
            (
                self.candidates is not None and route != Route.REGENERATE,
                "--candidates is for --route regenerate: each is a rendering. Add that, or leave it out.",
            ),
            (
                self.preview and route == Route.REGENERATE,
                "--preview shows two seconds, and a model renders a whole shot. Leave --preview out.",
            ),
        )


def frame_rate(fps: Fraction | float) -> Fraction:
    """The frame rate that is meant: 23.976 (or 23.98), 29.97 and 59.94 are short for 24000/1001, 30000/1001 and 60000/1001."""
    return timing.exact_rate(fps)
