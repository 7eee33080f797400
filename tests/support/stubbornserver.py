"""A notification server that misbehaves, on a real bus: it refuses, or hangs, and records what it was asked."""

import asyncio
import threading
from contextlib import suppress

from dbus_fast import DBusError
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, method, signal

NAME = "org.freedesktop.Notifications"


class StubbornServer(ServiceInterface):
    """``mood``: "obliging", "refusing" or "hanging". In a thread of its own, from ``start`` to ``stop``."""

    def __init__(self, address: str, mood: str, capabilities: tuple[str, ...] = ("body", "actions")) -> None:
        super().__init__(NAME)
        self.mood = mood
        self.shown: list[tuple[str, str]] = []
        self._address = address
        self._capabilities = capabilities

    @property
    def labels(self) -> list[str]:
        """Of the actions of the last notification; the default action has none."""
        return list(self._actions)

    def click(self, label: str) -> None:
        """At the last notification."""
        self._loop.call_soon_threadsafe(self.ActionInvoked, len(self.shown), self._actions[label])

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._over.set()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
        self._bus.disconnect()
        with suppress(Exception):  # the bus was killed
            await self._bus.wait_for_disconnect()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        self._bus = await MessageBus(self._address).connect()
        self._bus.export("/org/freedesktop/Notifications", self)
        await self._bus.request_name(NAME)

    @method()
    async def GetCapabilities(self) -> "as":  # noqa: F722 - D-Bus signatures, here and below
        return list(self._capabilities)

    @method()
    async def GetServerInformation(self) -> "ssss":  # noqa: F821
        return ["stubborn", "tests", "1", "1.2"]

    @method()
    async def Notify(
        self,
        app: "s",  # noqa: F821
        replaces: "u",  # noqa: F821
        icon: "s",  # noqa: F821
        summary: "s",  # noqa: F821
        body: "s",  # noqa: F821
        actions: "as",  # noqa: F722
        hints: "a{sv}",  # noqa: F722
        timeout: "i",  # noqa: F821
    ) -> "u":  # noqa: F821
        if self.mood == "refusing":
            raise DBusError("org.example.No", "not today")
        if self.mood == "hanging":
            await self._over.wait()
        self._actions = dict(zip(actions[1::2], actions[::2], strict=True))
        self.picture = hints["image-path"].value if "image-path" in hints else None
        self.shown.append((summary, body))
        return len(self.shown)

    @signal()
    def ActionInvoked(self, number: "u", action: "s") -> "us":  # noqa: F821
        return [number, action]
