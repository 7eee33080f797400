"""``GET /events``: server-sent events out of the hub, from where the listener left off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..events import Event, Hub
from .endpoints import number

_SIGN_OF_LIFE_S = 15.0


class Stream:
    """``close`` ends all streams, so that the server can stop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._closing = False

    async def endpoint(self, request: Request) -> Response:
        told = request.headers.get("last-event-id") or request.query_params.get("after")
        after = self._hub.last if told is None else number({"after": told}, "after") or 0
        return StreamingResponse(self._events(after), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    def close(self) -> None:
        self._closing = True
        self._hub.wake()

    async def _events(self, after: int) -> AsyncGenerator[str, None]:
        loop, fresh = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(fresh.set)

        with self._hub.listening(wake):
            yield ": listening\n\n"
            while not self._closing:
                fresh.clear()
                for event in self._hub.since(after):
                    after = event.number
                    yield _written(event)
                try:
                    await asyncio.wait_for(fresh.wait(), _SIGN_OF_LIFE_S)
                except TimeoutError:
                    yield ": alive\n\n"


def _written(event: Event) -> str:
    return f"id: {event.number}\nevent: {event.kind}\ndata: {event.text}\n\n"
