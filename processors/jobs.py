"""What a processor is given: one treatment of one clip, and where its candidate goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.settings import Settings
    from .records import Clip, Diagnosis, Progress, Treatment


@dataclass(frozen=True)
class Job:
    clip: Clip
    diagnosis: Diagnosis
    treatment: Treatment
    output_stem: Path  # in the work folder, without suffix
    settings: Settings
    progress: Progress
