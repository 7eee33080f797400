"""Which jobs are the same job."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from deshimmer.config.settings import Disk, Intake, Models, Repair, Settings
from deshimmer.processors.identity import job_digest
from deshimmer.processors.records import Request, Route

REQUEST = Request(Path("/in/clip.mp4"), Path("/out"), "clip.mp4")
SETTINGS = Settings()


def test_same_is_the_same() -> None:
    digest = job_digest("abc", REQUEST, SETTINGS)
    assert len(digest) == 12
    assert int(digest, 16) >= 0
    assert digest == job_digest("abc", replace(REQUEST, shown_path="/in/clip.mp4"), SETTINGS)
    assert digest == job_digest("abc", REQUEST, Settings(intake=Intake(quiet_s=9), disk=Disk(reserve_gb=1)))


@pytest.mark.parametrize(
    "changes",
    [
        {"route": Route.SMOOTH},
        {"strength": 1.5},
        {"preset": "article"},
        {"factor": 2},
        {"fps": Fraction(60)},
        {"output_dir": Path("/elsewhere")},
        {"path": Path("/in/copy.mp4")},
        {"preview": True},
    ],
)
def test_what_changes_the_result_changes_the_job(changes: dict[str, Any]) -> None:
    assert job_digest("abc", replace(REQUEST, **changes), SETTINGS) != job_digest("abc", REQUEST, SETTINGS)


def test_of_regeneration_its_prompt_its_candidates_and_the_models_count_and_no_policy() -> None:
    again = replace(REQUEST, route=Route.REGENERATE)
    plain = job_digest("abc", again, SETTINGS)
    digests = {
        plain,
        job_digest("abc", again, SETTINGS, prompt_digest="one"),
        job_digest("abc", again, SETTINGS, prompt_digest="other"),
        job_digest("abc", replace(again, candidates=2), SETTINGS),
        job_digest("abc", again, Settings(models=Models(comfyui="http://127.0.0.1:8188"))),
    }
    assert len(digests) == 5
    for policy in ("auto", "never"):
        assert job_digest("abc", replace(REQUEST, regenerate=policy), SETTINGS) == job_digest("abc", REQUEST, SETTINGS)
    assert job_digest("abc", REQUEST, SETTINGS, prompt_digest="one") == job_digest("abc", REQUEST, SETTINGS)


def test_content_and_repair_settings_change_the_job() -> None:
    digests = {
        job_digest("abc", REQUEST, SETTINGS),
        job_digest("abd", REQUEST, SETTINGS),
        job_digest("abc", REQUEST, Settings(repair=Repair(strength=0.5))),
    }
    assert len(digests) == 3
