"""The delivered file does not pulse: luma and chroma of inserted frames are those of the source frames around them, through the encoder."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clipmaker import pan, write
from numpy.typing import NDArray

from deshimmer.processors import api, media
from deshimmer.processors.checks import looks
from deshimmer.processors.records import Outcome

pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_torch_thread")


def means(path: Path) -> NDArray[np.float64]:
    """(frames, 3): mean luma, U and V of each frame, in levels."""
    seen = [looks.look(frame) for frame in media.frames(media.probe(path))]
    return np.array([(each.luma.mean(), *each.chroma.mean((0, 1))) for each in seen])


@pytest.mark.parametrize(("options", "per_frame"), [({"factor": 2}, Fraction(2)), ({"fps": 60}, Fraction(5, 2))])
def test_luma_and_chroma_hold_still_at_every_place_between_source_frames(
    tmp_path: Path, options: dict[str, int], per_frame: Fraction
) -> None:
    source = write(tmp_path / "clip.mp4", pan(13, (192, 128), "astronaut", 2.0), fps=24)
    receipt = api.fix(source, tmp_path / "out", comparison=False, **options)  # type: ignore[arg-type]
    assert (receipt.outcome, receipt.verified) == (Outcome.REPAIRED, True), receipt.reason
    assert receipt.output is not None
    before, after = means(source), means(receipt.output)
    places = [Fraction(index) / per_frame for index in range(len(after)) if index / per_frame <= 12]
    gaps: dict[Fraction, list[NDArray[np.float64]]] = {}
    for index, place in enumerate(places):
        expected = [np.interp(float(place), np.arange(13), before[:, plane]) for plane in range(3)]
        gaps.setdefault(place % 1, []).append(after[index] - expected)
    assert set(gaps) == {Fraction(k, per_frame.numerator) for k in range(per_frame.numerator)}
    at = {place: np.mean(found, axis=0) for place, found in gaps.items()}
    for place in at:
        assert np.abs(at[place] - at[Fraction(0)]).max() < 0.3, (place, at)
    names = {check["name"] for check in receipt.details["verification"]["checks"]}
    assert {"no pulse", "no colour pulse", "no ghosts", "new frames"} <= names


def test_dropped_duplicates_are_delivered_verified_and_on_the_receipt(tmp_path: Path) -> None:
    fine = pan(16, (192, 128), "astronaut", 2.0)
    source = write(tmp_path / "twos.mp4", [shot for shot in fine[::2] for _ in range(2)], fps=24)
    receipt = api.fix(source, tmp_path / "out", comparison=False, fps=24, drop_duplicates=True)
    assert (receipt.outcome, receipt.verified) == (Outcome.REPAIRED, True), receipt.reason
    assert receipt.output is not None
    result = media.probe(receipt.output)
    assert (result.frames, result.frame_rate) == (16, 24)
    assert receipt.details["request"]["drops_duplicates"] is True
    assert receipt.details["candidate"]["treatment"]["drops_duplicates"] is True
    held = [frame.to_ndarray(format="gray").astype(float) for frame in media.frames(result)]
    changes = [float(np.abs(later - earlier).mean()) for earlier, later in pairwise(held[:15])]
    assert min(changes) > 0.5 * max(changes)  # in the source every other one is nothing
