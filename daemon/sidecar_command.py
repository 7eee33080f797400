"""The command that shows the prompt which a clip was rendered from: where each parameter was found, what is missing, what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..config.errors import DeshimmerError
from . import show
from .session import FAILED, OK, Session

if TYPE_CHECKING:
    from ..processors.prompts.stored import Stored

Clips = Annotated[
    list[str], typer.Argument(metavar="CLIP", help="Clips or pictures. Names that begin with '-' go after '--'.", show_default=False)
]


def sidecar(session: Session, clips: Clips) -> int:
    """Show the prompt that clips were rendered from, where it was found, and what is wrong with its parameters."""
    from ..processors import api  # here: it brings PyAV and OpenCV, which other commands do without
    from ..processors.prompts import shown

    code = OK
    for clip in clips:
        try:
            stored = api.stored_prompt(clip, session.settings)
        except DeshimmerError as error:
            session.fail(error, path=clip)
            code = FAILED
            continue
        session.result(shown.as_dict(clip, stored))
        if not session.json_lines:
            _print(clip, stored)
    return code


def _print(clip: str, stored: Stored) -> None:
    from ..processors.prompts import lint, shown

    prompt = stored.prompt
    if prompt is None:
        show.print_marked(f"[bold]{show.escaped(clip)}[/]: no prompt was found in it or beside it")
        return
    show.print_marked(f"[bold]{show.escaped(clip)}[/]: left by {show.escaped(shown.left_by(prompt))}")
    rows = [(show.escaped(each.name), show.escaped(each.value), show.escaped(each.where)) for each in shown.parameters(prompt)]
    show.print_table(("parameter", "value", "found in"), rows, wraps="value")
    if prompt.reason:
        show.print_hanging(f"No pipeline: {show.escaped(prompt.reason)}")
    words = shown.missing_words(prompt)
    if words:
        show.print_hanging(f"Missing: {show.escaped(words)}")
    for found in stored.lint:
        show.print_hanging(show.lint_words(lint.as_dict(found)))
