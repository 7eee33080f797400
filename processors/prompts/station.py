"""The station ``prompt``: what prompt a clip was rendered from, and what is wrong with its parameters.

Metadata never fails a job. A sidecar of ours that does not fit is told as a lint, and the job goes on without a prompt.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...config.errors import SidecarError
from ...config.settings import Settings
from ..records import Clip, Diagnosis, Passage, Progress
from . import comfyui_habits, finding, lint, sidecar
from .place import Place
from .stored import Lint, Severity, Source, Stored, StoredPrompt

_WITH_GRAPHS = (Source.COMFYUI, Source.VHS)


def prompt_stage(passage: Passage, settings: Settings, progress: Progress) -> Passage:
    """Adds ``stored``."""
    path = passage.request.path
    found = stored(path, folder_of(path, settings), passage.diagnosis, passage.clip)
    return replace(passage, stored=found)


def read(path: Path, folder: Path) -> StoredPrompt | None:
    """The prompt of a clip, with what its graph tells of tiles and seeds. Raises what ``finding.find`` raises."""
    prompt = finding.find(path, folder)
    if prompt is None or prompt.source not in _WITH_GRAPHS:
        return prompt
    extra, sources = comfyui_habits.read(Place(path, folder), finding.graph(path, folder))
    return replace(prompt, extra=prompt.extra | extra, sources=prompt.sources | sources)


def stored(path: Path, folder: Path, diagnosis: Diagnosis | None = None, clip: Clip | None = None) -> Stored:
    """The prompt of a clip and its lint; a broken sidecar of ours as lint alone."""
    try:
        prompt = read(path, folder)
    except SidecarError as error:
        return Stored(None, (_unreadable(error, sidecar.beside(path)),))
    return Stored(prompt, lint.lint(prompt, diagnosis, clip) if prompt is not None else ())


def completed(found: Stored | None, diagnosis: Diagnosis, clip: Clip) -> Stored | None:
    """With the rules that look at the diagnosis too."""
    if found is None or found.prompt is None:
        return found
    return replace(found, lint=lint.lint(found.prompt, diagnosis, clip))


def folder_of(path: Path, settings: Settings) -> Path:
    """The hot folder that the clip lies in, the innermost where there are several; else the clip's own folder."""
    around = [each.path for each in settings.hot_folders if path.is_relative_to(each.path)]
    return max(around, key=lambda folder: len(folder.parts), default=path.parent)


def _unreadable(error: SidecarError, file: Path) -> Lint:
    message = f"{file.name} does not fit, and is left aside: {error.message}"
    return Lint(lint.UNREADABLE, Severity.ERROR, message, "sidecar", file.name, None, "docs/sidecar.md")
