"""The low bands in torch: ``bands.lowband`` for many frames at once, which has the reasons and the numbers.

Pictures are (..., h, w) here, of b frames with n neighbours each; what is one number a frame is (b, 1, 1).

Imports torch: import this module only where torch is known to be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import torch
from torch import Tensor

from ..bands import lowband as rules
from ..records import Band
from .images import blurred, boxed, carried, resized, shrunk


@dataclass(frozen=True)
class Neighbours:
    distances: Tensor  # (b, n) frames, negative before
    views: Tensor  # (b, n, 4, h, w)
    there: Tensor  # (b, n, 2, h, w): for each pixel here, where it is in that frame
    back: Tensor


@dataclass(frozen=True)
class Correction:
    """``bands.lowband.Correction`` of b frames."""

    gain: Tensor
    offset: Tensor
    scale: Tensor  # (b, h, w)
    local: Tensor
    follows: Tensor
    hues: Tensor  # (b, 2, h, w)

    def of(self, frame: int) -> Correction:
        part = slice(frame, frame + 1)
        return Correction(*(each[part] for each in (self.gain, self.offset, self.scale, self.local, self.follows, self.hues)))

    def applied(self, planes: Sequence[Tensor], bands: tuple[Band, ...], strength: float) -> list[Tensor]:
        """Luma and chroma of the only frame, (1, h, w) and (2, h', w') levels, with the treated bands corrected; what none touches is returned
        as it is.
        """
        luma, chroma = planes
        if Band.GLOBAL_LUMA in bands or Band.LOW_LUMA in bands:
            patches = float(Band.LOW_LUMA in bands)
            luma = _scaled(luma, patches * self.scale + self.gain, patches * self.local + self.offset, strength)
        if Band.LOW_CHROMA in bands:
            factor = self.follows * (self.scale + self.gain)
            chroma = _scaled(chroma, factor, (self.hues - float(rules.NEUTRAL) * factor[:, None])[0], strength)
        return [luma, chroma]


def view(planes: Sequence[Tensor], steps_per_level: int) -> Tensor:
    """(n, 4, h, w) of luma and chroma in code values, (n, 1, h', w') and (n, 2, h'', w'')."""
    size = _view_size(planes[0])
    luma, chroma = (shrunk(plane, size).round_() / steps_per_level for plane in planes)
    box = max(3, size[0] // 6) | 1
    return torch.cat((luma, chroma, luma - boxed(luma, box, cv2.BORDER_REPLICATE)), 1)


def light(planes: Sequence[Tensor]) -> Tensor:
    """(3, h, w) of luma and chroma in levels, (1, h', w') and (2, h'', w'')."""
    size = _view_size(planes[0])
    return torch.cat([shrunk(plane, size) for plane in planes])


def correction(here: Tensor, others: Neighbours, *, follows_light: bool) -> Correction:
    """What frames of views ``here``, (b, 4, h, w), lack beside their neighbours."""
    lines, count = here.shape[2], others.distances.shape[1]
    change = carried(others.views.flatten(0, 1), others.there.flatten(0, 1)).view_as(others.views) - here[:, None]
    picture, luma = here[:, :3], here[:, 0]
    reliable = (-_doubt(change[:, :, 3], boxed(here[:, 3].abs(), 9)[:, None], others)).exp_() + 1e-4
    differences = change[:, :, :3]
    if follows_light:
        reliable *= _nearness(others.distances)[..., None, None]
        slow = _slow_light(others.distances, differences[..., ::2, ::2], reliable[..., ::2, ::2])[..., None, None]
        lightness = luma / luma.mean((1, 2), keepdim=True).clamp(min=1)  # a fade scales luma
        differences = differences - slow * torch.stack((lightness, *(torch.ones_like(luma),) * 2), 1)[:, None]
    wanted, trust = _wanted(differences, reliable[:, :, None])
    gain, offset = _exposure(luma, wanted[:, 0], trust[:, 0])
    shone = luma + gain * luma + offset
    missing = wanted[:, 0] - (shone - luma)
    share = blurred(trust / count, lines / 16)
    patches = _believed(missing, trust[:, 0], share[:, 0])
    base = blurred(shone, lines / 32) + rules.DARK
    scale = (_part_as_gain(shone, missing, patches, base, trust[:, 0]) * patches / base).clamp_(-rules.MOST_GAIN, rules.MOST_GAIN)
    lit = (scale + gain)[:, None] * (picture[:, 1:] - float(rules.NEUTRAL))
    follows = _follows(wanted[:, 1:], lit, trust[:, 1:])
    hues = _believed(wanted[:, 1:] - follows[:, None] * lit, trust[:, 1:], share[:, 1:])
    return Correction(gain, offset, scale, patches - scale * base, follows, hues)


def miss(there: Tensor, back: Tensor) -> Tensor:
    """Squared distance, (n, h, w), by which ways (n, 2, h, w) to another frame and back miss where they began."""
    return (there + carried(back, there)).square_().sum(1)


def _doubt(change: Tensor, contrast: Tensor, others: Neighbours) -> Tensor:
    slack = (change.shape[2] / 60) ** 2 + 0.02 * others.there.square().sum(2)
    unlike = boxed(change.abs(), 5) / (contrast + rules.LUMA_NOISE)
    missed = miss(others.there.flatten(0, 1), others.back.flatten(0, 1)).view_as(change)
    return missed / slack + unlike * unlike


def _nearness(distances: Tensor) -> Tensor:
    return (-((distances.abs() - rules.NEAR).clamp(min=0) / rules.FAR).square()).exp()


def _slow_light(distances: Tensor, differences: Tensor, reliable: Tensor) -> Tensor:
    """(b, n, 3) levels."""
    weights = reliable[:, :, None]
    steps = torch.cat((distances, torch.zeros_like(distances[:, :1])), 1)[..., None]
    levels = (weights * differences).sum((3, 4)) / weights.sum((3, 4))
    levels = torch.cat((levels, torch.zeros_like(levels[:, :1])), 1)
    apart = steps - steps.mean(1, keepdim=True)
    spread = apart.square().sum(1, keepdim=True)
    slope = (apart * levels).sum(1, keepdim=True) / spread
    rest = levels - levels.mean(1, keepdim=True) - slope * apart
    error = (rest.square().sum(1, keepdim=True) / max(1, steps.shape[1] - 2) / spread).sqrt() + 0.02
    fade = slope * (slope.abs() > rules.CERTAIN_FADE * error) * steps
    return (fade - _bend(steps, levels - fade))[:, :-1]


def _bend(steps: Tensor, levels: Tensor) -> Tensor:
    """(b, 1, 3) levels."""
    if steps.shape[1] < 4:
        return torch.zeros_like(levels[:, :1])
    ordered = levels.gather(1, steps.argsort(1).expand_as(levels))
    flicker = (2 * ordered[:, 1:-1] - ordered[:, :-2] - ordered[:, 2:]).square().mean(1, keepdim=True) / 6
    near = (-(steps / 1.5).square()).exp()
    usual = _nearness(steps)
    difference = near / near.sum(1, keepdim=True) - usual / usual.sum(1, keepdim=True)
    bend = (difference * levels).sum(1, keepdim=True)
    chance = difference.square().sum(1, keepdim=True) * flicker
    return bend * (1 - rules.CERTAIN_FADE**2 * chance / (bend.square() + 1e-6)).clamp(min=0)


def _wanted(differences: Tensor, reliable: Tensor) -> tuple[Tensor, Tensor]:
    lines = differences.shape[3]
    total = reliable.sum(1)
    mean = (reliable * differences).sum(1) / (total + 1)
    squares = (differences - mean[:, None]).square_()
    variance = _usual((reliable * squares).sum(1) / total, lines) + 0.25
    weights = reliable * squares.div_(-rules.AGREEMENT * variance[:, None]).exp_()
    own = rules.OWN_WEIGHT * (mean.square() / (-rules.AGREEMENT * variance)).exp_()
    trust = weights.sum(1)
    mean = (weights * differences).sum(1) / (trust + own).clamp_(min=float(rules.NOBODY))
    return mean * (variance / (variance + rules.FLOOR**2)), trust


def _usual(variance: Tensor, lines: int) -> Tensor:
    usual = blurred((blurred(variance, lines / 64) + 0.01).log_(), lines / 8).exp_()
    return torch.minimum(blurred(variance, lines / 12), usual)


def _exposure(luma: Tensor, wanted: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
    own = blurred(luma, luma.shape[1] / 24)
    aim = own + blurred(wanted, luma.shape[1] / 24)
    weights = trust + 1e-3
    gain = offset = luma.new_zeros((len(luma), 1, 1))
    for _ in range(3):
        total = _sum(weights)
        mine, theirs = _sum(weights * own) / total, _sum(weights * aim) / total
        spreads = [_sum(weights * (part - mean).square()) / total for part, mean in ((own, mine), (aim, theirs))]
        gain = (((spreads[1] + rules.PLAIN) / (spreads[0] + rules.PLAIN)).sqrt() - 1).clamp(-rules.MOST_GAIN, rules.MOST_GAIN)
        offset = theirs - (1 + gain) * mine
        off = aim - own - gain * own - offset
        weights = trust / (1 + (off / (2 * _median(off.abs()) + 0.5)).square()) + 1e-3
    return gain, offset


def _follows(wanted: Tensor, predicted: Tensor, trust: Tensor) -> Tensor:
    energy = (trust * predicted.square()).sum((1, 2, 3)) + 0.02 * trust.sum((1, 2, 3))
    return ((trust * wanted * predicted).sum((1, 2, 3)) / energy).clamp(0, 1)[:, None, None]


def _part_as_gain(luma: Tensor, wanted: Tensor, local: Tensor, base: Tensor, trust: Tensor) -> Tensor:
    lines = luma.shape[1]
    missing = wanted - blurred(wanted, lines / 20)
    target = luma + wanted
    predicted = blurred(local, lines / 30) / base * (target - blurred(target, lines / 20))
    doubt = 0.05 * _sum(trust)
    seen = _sum(trust * predicted * missing) + 0.5 * doubt
    return (seen / (_sum(trust * predicted * predicted) + doubt)).clamp(0, 1)


def _believed(missing: Tensor, trust: Tensor, share: Tensor) -> Tensor:
    lines = missing.shape[-2]
    seen = blurred(missing, lines / 24).abs()
    limit = rules.UNUSUAL * _median(seen) + rules.UNUSUAL_LEVELS
    plausible = 1 / (1 + (seen / limit) ** 8)
    belief = plausible / (1 + (rules.SURE_SHARE / (share + 1e-3)) ** 3)
    belief = blurred(_least(belief, max(3, lines // 10) | 1), lines / 24)
    wide = blurred(missing * trust * plausible, lines / 3) / (blurred(trust * plausible, lines / 3) + 1e-3)
    return belief * _spread(missing, trust * belief) + (1 - belief) * wide


def _spread(values: Tensor, trust: Tensor) -> Tensor:
    lines = values.shape[-2]
    smooth = _mean_nearby(values, trust)
    off = (values - smooth).abs()
    usual = blurred(off * trust, lines / 12) / (blurred(trust, lines / 12) + 1e-3)
    return _mean_nearby(values, trust / (1 + (off / (1.5 * usual + 0.5)).square()))


def _mean_nearby(values: Tensor, trust: Tensor) -> Tensor:
    lines = values.shape[-2]
    both = torch.stack((values * trust, trust))
    sums = sum((share * blurred(both, sigma) for sigma, share in ((lines / 15, 0.05), (lines / 4, 0.002))), blurred(both, lines / 64))
    return sums[0] / (sums[1] + 1e-4)


def _least(values: Tensor, side_px: int) -> Tensor:
    """The least of a box around each pixel."""
    flat = -values.reshape(-1, 1, *values.shape[-2:])
    return -torch.nn.functional.max_pool2d(flat, side_px, 1, side_px // 2).view_as(values)


def _sum(values: Tensor) -> Tensor:
    return values.sum((-2, -1), keepdim=True)


def _median(values: Tensor) -> Tensor:
    return values.flatten(-2).quantile(0.5, -1)[..., None, None]


def _view_size(luma: Tensor) -> tuple[int, int]:
    width, height = rules.view_size(luma.shape[-1], luma.shape[-2])
    return height, width


def _scaled(plane: Tensor, factor: Tensor, added: Tensor, strength: float) -> Tensor:
    size = plane.shape[1], plane.shape[2]
    return torch.addcmul(resized(added, size), resized(factor, size), plane).mul_(strength).add_(plane)
