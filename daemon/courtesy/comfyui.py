"""ComfyUI's queue, by its own API on the loopback interface: ``GET /queue`` lists what runs and what waits there."""

from __future__ import annotations

import httpx

_TIMEOUT_S = 1.0


def jobs(url: str) -> int:
    """How many prompts run or wait. 0 where no ComfyUI answers."""
    try:
        # Plain http on this machine: without verify=False each call would load all certificates first.
        answer = httpx.get(url.rstrip("/") + "/queue", timeout=_TIMEOUT_S, trust_env=False, verify=False)
        record = answer.raise_for_status().json()
        return len(record["queue_running"]) + len(record["queue_pending"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return 0
