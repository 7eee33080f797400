"""ComfyUI's queue, by its own API on the loopback interface: ``GET /queue`` lists what runs and what waits there. And whose process it is."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import psutil

from ...config.errors import ToolFailed
from ...processors.comfyui import server as comfyui_server

_TIMEOUT_S = 1.0


def jobs(url: str, *, but_ours: bool = False) -> int:
    """How many prompts run or wait; ``but_ours``: of others than deshimmer. 0 where no ComfyUI answers."""
    with suppress(ToolFailed, httpx.InvalidURL), comfyui_server.Server(url, _TIMEOUT_S) as server:
        queue = server.queue()
        return sum(not (but_ours and entry.is_ours) for entry in (*queue.running, *queue.pending))
    return 0


def pids(url: str, among: Collection[int]) -> frozenset[int]:
    """Which of these processes listen at the address."""
    port = urlsplit(url).port or 80
    return frozenset(pid for pid in among if _listens(pid, port))


def _listens(pid: int, port: int) -> bool:
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)
