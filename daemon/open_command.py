"""The command ``open``: the page in the browser, by a link that works once."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import Annotated

import typer

from . import client
from .queue_commands import JOB_ID, in_url
from .session import Session


def open_page(session: Session, job: Annotated[str | None, typer.Argument(metavar="[ID]", help=JOB_ID, show_default=False)] = None) -> None:
    """Open the page in the browser: the queue, or one job. The link works once, for a minute."""
    daemon = client.connect()
    path = "/" if job is None else f"/jobs/{daemon.get(f'/jobs/{in_url(job)}')['job']['id']}"
    answer = daemon.post("/link", path=path)
    if session.json_lines or not _browse(answer["url"]):
        session.result(answer, answer["url"])


def _browse(url: str) -> bool:
    """False where there is no browser to be seen."""
    has_screen = sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    return has_screen and webbrowser.open(url)
