"""How fast the API answers and events arrive, with 5,000 jobs in the table and a real one running.

    .venv/bin/python tests/bench/api_speed.py

Prints milliseconds: median, 95th percentile and largest.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "support"))

import httpx  # noqa: E402
from clipmaker import exposure_flicker, pan, write  # noqa: E402
from manyjobs import fill  # noqa: E402

JOBS = 5000
ASKS = 200


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "STATE", "DATA", "CACHE"):
            os.environ[f"XDG_{name}_HOME"] = f"{folder}/{name}"
        os.environ["XDG_RUNTIME_DIR"] = folder
        measure(Path(folder))


def measure(folder: Path) -> None:
    from deshimmer.config.settings import HotFolder, Settings
    from deshimmer.daemon.app import Daemon
    from deshimmer.daemon.client import connect
    from deshimmer.daemon.database import open_engine

    hot = folder / "hot"
    hot.mkdir()
    settings = Settings.model_validate({"intake": {"quiet_s": 0.1}})
    daemon = Daemon(settings, [HotFolder(path=hot)])
    daemon.start()
    try:
        engine = open_engine(settings.database_url)
        fill(engine, JOBS)
        engine.dispose()
        write(hot / "long.mp4", exposure_flicker(pan(400, (640, 360)), 10))
        client = connect()
        while not client.get("/status")["running"]:
            time.sleep(0.05)
        with httpx.Client(base_url=f"{client._url}", headers=client._headers, trust_env=False) as http:
            for path in ("/status", "/jobs?limit=100", "/jobs?text=dog&limit=100", "/jobs?state=failed&limit=100"):
                tell(f"GET {path}", [timed(lambda path=path: http.get(path).raise_for_status()) for _ in range(ASKS)])
            assert client.get("/status")["running"], "the job has ended: the numbers are of an idle daemon"
            tell("event after a pause or resume", latencies(daemon, http))
    finally:
        daemon.stop()


def latencies(daemon: object, http: httpx.Client) -> list[float]:
    """From before the request to the event in another thread's hands."""
    from deshimmer.config.errors import DaemonError
    from deshimmer.daemon.client import connect

    client = connect()
    heard: list[tuple[float, bool]] = []
    came = threading.Event()

    def listen() -> None:
        with suppress(DaemonError):  # it is stopped at the end
            for event in client.events(client.get("/status")["event"], patience_s=0.1):
                if event.kind == "status":
                    heard.append((time.monotonic(), event.data["paused"]))
                    came.set()

    threading.Thread(target=listen, daemon=True).start()
    time.sleep(1.0)
    waits: list[float] = []
    for turn in range(40):
        wanted, at = turn % 2 == 0, time.monotonic()
        http.post("/pause" if wanted else "/resume")
        while not any(paused == wanted and when >= at for when, paused in heard):
            came.wait(0.001)
            came.clear()
        waits.append(next(when for when, paused in heard if paused == wanted and when >= at) - at)
    return waits


def timed(act: object) -> float:
    at = time.monotonic()
    act()  # type: ignore[operator]
    return time.monotonic() - at


def tell(name: str, seconds: list[float]) -> None:
    print(f"{name}: {1000 * median(seconds):.1f} | {1000 * quantiles(seconds, n=20)[-1]:.1f} | {1000 * max(seconds):.1f}")


if __name__ == "__main__":
    main()
