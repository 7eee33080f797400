"""The command ``open``: the page in the browser, by a link that works once."""

from __future__ import annotations

from typing import Annotated

import typer

from ..config import desktop
from ..config.errors import NotSetUp
from . import client
from .queue_commands import JOB_ID, in_url
from .session import Session


def open_page(session: Session, job: Annotated[str | None, typer.Argument(metavar="[ID]", help=JOB_ID, show_default=False)] = None) -> None:
    """Open the page in the browser: the queue, or one job. The link works once, for a minute."""
    daemon = client.connect()
    path = "/" if job is None else f"/jobs/{daemon.get(f'/jobs/{in_url(job)}')['job']['id']}"
    answer = daemon.post("/link", path=path)
    if session.json_lines:
        session.result(answer, answer["url"])
        return
    try:
        desktop.open_url(answer["url"])
    except NotSetUp:  # the link is for a browser elsewhere
        session.result(answer, answer["url"])
