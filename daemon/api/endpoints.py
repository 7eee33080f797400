"""What an endpoint is: a method, a path, what it does, and how that is described. Routes and OpenAPI come from the same table of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...config.errors import DaemonError
from .answers import WRONG, Answer
from .guard import PREFIX

B = TypeVar("B", bound=BaseModel)

Query = Mapping[str, str]
"""Path and query parameters."""


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str  # below /api/v1
    summary: str
    answer: Callable[[Request], Awaitable[Response]]
    gives: type[BaseModel] | str  # the shape of the JSON, or a media type
    body: type[BaseModel] | None = None
    query: Mapping[str, str] = field(default_factory=lambda: {})  # names and what they mean

    @property
    def route(self) -> DescribedRoute:
        return DescribedRoute(self)


class DescribedRoute(Route):
    """A route that the API's description tells of."""

    def __init__(self, described: Endpoint) -> None:
        super().__init__(PREFIX + described.path, described.answer, methods=[described.method])
        self.described = described


def get(
    path: str, summary: str, gives: type[BaseModel], act: Callable[[Query], dict[str, Any]], query: Mapping[str, str] | None = None
) -> Endpoint:
    """``act`` runs in a thread and returns what JSON can say."""

    async def answer(request: Request) -> Response:
        return Answer(await run_in_threadpool(act, {**request.query_params, **request.path_params}))

    return Endpoint("GET", path, summary, answer, gives, query=query or {})


def change(
    method: str, path: str, summary: str, body: type[B], gives: type[BaseModel], act: Callable[[Query, B], dict[str, Any] | Response]
) -> Endpoint:
    """``act`` runs in a thread; it also gets the body, which has to fit ``body``."""

    async def answer(request: Request) -> Response:
        given = body.model_validate(_parsed(await request.body() or b"{}"))
        made = await run_in_threadpool(act, request.path_params, given)
        return made if isinstance(made, Response) else Answer(made)

    return Endpoint(method, path, summary, answer, gives, body)


def number(query: Query, name: str) -> int | None:
    """Raises DaemonError for what is no number."""
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise DaemonError(f"{name} is a number, not '{text}'.", title=WRONG)
    return int(text)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise HTTPException(400, f"The body is no JSON ({error})") from None
