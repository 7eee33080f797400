"""Each cause is found where it was put, with its amount, and is not found in clips without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clipmaker import Picture, pan, write

from deshimmer.processors import diagnosis, media
from deshimmer.processors.measurement import causes
from deshimmer.processors.records import Cause, Verdict

SIZE = (256, 160)
FRAMES = 40
LIFT = np.array([9.0, 4.0, -6.0], np.float32)  # RGB: another look, about 5 levels of luma and some of hue


def _shifted(frames: range) -> Callable[[list[Picture]], list[Picture]]:
    return lambda shots: [shot + LIFT if index in frames else shot for index, shot in enumerate(shots)]


def _odd(shots: list[Picture]) -> list[Picture]:
    return [shot + 25 if index == 17 else shot for index, shot in enumerate(shots)]


def _torn(shots: list[Picture]) -> list[Picture]:
    torn = shots[21].copy()
    torn[40:110, 60:160] = torn[40:110, 60:160][::-1]
    return [*shots[:21], torn, *shots[22:]]


def _batches(shots: list[Picture]) -> list[Picture]:
    return [shot + LIFT * (index // 12 % 2) for index, shot in enumerate(shots)]


def _tiles(shots: list[Picture]) -> list[Picture]:
    rng = np.random.default_rng(5)
    result = [shot.copy() for shot in shots]
    for shot in result:
        shot[:, : SIZE[0] // 2] += rng.normal(0, 4)
    return result


def _pulse(shots: list[Picture]) -> list[Picture]:
    return [shot + 5 * np.sin(index / 10 * 2 * np.pi).astype(np.float32) for index, shot in enumerate(shots)]


FAULTS: dict[str, tuple[Callable[[list[Picture]], list[Picture]], list[tuple[str, int, int]]]] = {
    "clean": (lambda shots: shots, []),
    "frozen_end": (lambda shots: [*shots, *[shots[-1]] * 12], [("frozen_end", 40, 51)]),
    "frozen_start": (lambda shots: [*[shots[0]] * 12, *shots], [("frozen_start", 0, 12)]),
    "twos": (lambda shots: [shots[index // 2] for index in range(len(shots))], [("duplicates", 0, 39)]),
    "first_frames": (_shifted(range(3)), [("first_frames", 0, 2)]),
    "last_frames": (_shifted(range(FRAMES - 3, FRAMES)), [("last_frames", FRAMES - 3, FRAMES - 1)]),
    "bad_frame": (_odd, [("bad_frame", 17, 17)]),
    "torn frame": (_torn, [("bad_frame", 21, 21)]),
    "batches": (_batches, [("batch_step", 12, 12), ("batch_step", 24, 24)]),
    "tile_blink": (_tiles, [("tile_blink", 0, FRAMES - 1)]),
    "slow_pulse": (_pulse, [("slow_pulse", 0, FRAMES - 1)]),
}


def _causes(path: Path) -> tuple[Cause, ...]:
    return diagnosis.diagnose(media.probe(path), None, lambda part: None).causes


@pytest.mark.parametrize("name", FAULTS)
def test_a_cause_is_found_where_it_is(name: str, tmp_path: Path) -> None:
    fault, wanted = FAULTS[name]
    shots = [np.clip(shot, 0, 255).astype(np.float32) for shot in fault([0.8 * shot + 20 for shot in pan(FRAMES, SIZE, "coffee", 1.5)])]
    found = _causes(write(tmp_path / "clip.mp4", shots))
    kinds = {kind for kind, _, _ in wanted}
    assert [(cause.kind, cause.start_frame, cause.end_frame) for cause in found if cause.kind in kinds or not wanted] == wanted
    assert {cause.kind for cause in found} <= kinds | {"batch_step", "bad_frame"} if wanted else not found


def test_a_damaged_frame_is_no_pair_of_steps(tmp_path: Path) -> None:
    foreign = 0.8 * pan(1, SIZE, "astronaut")[0] + 20
    shots = [0.8 * shot + 20 for shot in pan(30, SIZE, "coffee", 0.5)]
    shots[15] = 0.5 * shots[15] + 0.5 * foreign
    found = _causes(write(tmp_path / "clip.mp4", [shot.astype(np.float32) for shot in shots]))
    assert [(cause.kind, cause.start_frame) for cause in found] == [("bad_frame", 15)]


@pytest.mark.parametrize("place", [0, 29])
def test_a_foreign_frame_at_an_end_is_a_bad_frame(place: int, tmp_path: Path) -> None:
    shots = pan(30, SIZE, "coffee", 0.5)
    shots[place] = pan(1, SIZE, "astronaut")[0]
    found = _causes(write(tmp_path / "clip.mp4", shots))
    assert ("bad_frame", place) in [(cause.kind, cause.start_frame) for cause in found]


def test_a_step_in_a_short_clip_is_not_told_twice(tmp_path: Path) -> None:
    shots = [np.clip(shot + 12 * (index > 5), 0, 255).astype(np.float32) for index, shot in enumerate(pan(14, SIZE, "coffee", 0.5))]
    assert len([cause for cause in _causes(write(tmp_path / "clip.mp4", shots)) if cause.kind in ("first_frames", "last_frames")]) <= 1


def test_amounts_of_a_shifted_look(tmp_path: Path) -> None:
    shots = [np.clip(0.8 * shot + 20, 0, 255).astype(np.float32) for shot in pan(FRAMES, SIZE, "coffee", 1.5)]
    (cause,) = _causes(write(tmp_path / "clip.mp4", _shifted(range(3))(shots)))
    luma = float(LIFT @ np.array([0.299, 0.587, 0.114]))
    blue, red = (float(LIFT[channel] - luma) / scale for channel, scale in ((2, 1.772), (0, 1.402)))
    assert cause.amount == pytest.approx(np.hypot(luma, np.hypot(blue, red)), rel=0.35)


def test_a_seam_of_tiles_is_found_while_things_move(tmp_path: Path) -> None:
    shots = [np.clip(0.8 * shot + 20, 0, 255).astype(np.float32) for shot in pan(FRAMES, SIZE, "coffee", 4)]
    for shot in shots:
        shot[:, 160:] += 5
    found = [cause for cause in _causes(write(tmp_path / "clip.mp4", shots)) if cause.kind == "tile_seam"]
    assert len(found) == 1
    assert "62% of the width" in found[0].advice or "63% of the width" in found[0].advice


def test_a_gif_that_dithers_says_so(tmp_path: Path) -> None:
    from PIL import Image

    pictures = [Image.fromarray(shot.astype(np.uint8)) for shot in pan(16, SIZE, "coffee", 1.5)]
    small = [picture.quantize(16, dither=Image.Dither.FLOYDSTEINBERG) for picture in pictures]
    small[0].save(tmp_path / "clip.gif", save_all=True, append_images=small[1:], duration=100, loop=0)
    assert "palette_dither" in {cause.kind for cause in _causes(tmp_path / "clip.gif")}


def test_frozen_ends_and_repeats_leave_the_verdict_clean(tmp_path: Path) -> None:
    shots = pan(24, SIZE)
    for index, clip in enumerate(([*shots, *[shots[-1]] * 12], [shots[i // 2] for i in range(24)], [*[shots[0]] * 8, *shots])):
        found = diagnosis.diagnose(media.probe(write(tmp_path / f"{index}.mp4", clip)), None, lambda part: None)
        assert found.verdict is Verdict.CLEAN


def test_kinds_are_those_of_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    assert [kind for kind in causes.KINDS if f"| `{kind}` |" not in text] == []
