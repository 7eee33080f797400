"""Kills a daemon, its worker or both with SIGKILL while it works through clips, and counts what that cost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
import psutil

from deshimmer.config.errors import ClipError
from deshimmer.daemon.database import open_engine
from deshimmer.daemon.states import State
from deshimmer.daemon.table import JobRow, Table
from deshimmer.processors import media

DAEMON, WORKER, BOTH = "daemon", "worker", "both"
MARK = "KILLING_FIELD"
"""An environment variable: whatever process has it was started, directly or not, by this run."""
GRACE_S = 3.0
"""What a killed daemon started is given to notice."""


@dataclass
class Tally:
    kills: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    starts: int = 0
    rounds: int = 0
    to_death_s: list[float] = field(default_factory=list)  # from the kill to the end of all that was started by what was killed
    clips: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def is_clean(self) -> bool:
        return not (self.orphans or self.lost or self.doubled or self.partial)


class Field:
    """One hot folder, one state, and the command that works it off: a daemon that ends when everything has ended."""

    def __init__(self, home: Path, hot: Path, command: Sequence[str], environment: dict[str, str]) -> None:
        self.hot = hot
        self._command = list(command)
        self._mark = uuid.uuid4().hex
        folders = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        (home / "runtime").mkdir(parents=True)
        self._environment = {**os.environ, **environment, **folders, "XDG_RUNTIME_DIR": str(home / "runtime"), MARK: self._mark}
        self._database = home / "state" / "deshimmer" / "queue.sqlite"
        self._output = (home / "output.jsonl").open("ab")
        self._error_file = home / "errors.log"
        self._errors = self._error_file.open("ab")
        self.told = home / "output.jsonl"

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, env=self._environment, stdout=self._output, stderr=self._errors, stdin=subprocess.DEVNULL)

    def last_words(self) -> str:
        return self._error_file.read_text(errors="replace")[-2000:]

    def close(self) -> None:
        for process in self.running():
            process.kill()
        self._output.close()
        self._errors.close()

    def running(self) -> list[psutil.Process]:
        """Everything that this field started and that still runs."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def rows(self) -> list[JobRow]:
        """The queue's jobs; none while there is no table yet."""
        if not self._database.exists():
            return []
        engine = open_engine(f"sqlite:///{self._database}")
        try:
            return Table(engine).list()
        except Exception:  # killed before the tables were made
            return []
        finally:
            engine.dispose()

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == self._mark
        except psutil.Error:
            return False


@contextmanager
def open_field(home: Path, hot: Path, command: Sequence[str], environment: dict[str, str] | None = None) -> Iterator[Field]:
    field = Field(home, hot, command, environment or {})
    try:
        yield field
    finally:
        field.close()


def kill_while_it_works(
    field: Field,
    kills: int,
    *,
    wait_s: tuple[float, float],
    seed: int,
    limit_s: float,
    drop_more: Callable[[int], None] | None = None,
) -> Tally:
    """So many kills at random moments, each after ``wait_s`` (least, most), then to the end. Raises TimeoutError past ``limit_s``.

    Where all clips have ended before, ``drop_more`` is called with the number of the round, from 1; without it the kills end there.
    A clip's worker is killed twice at most: the third time ends a clip as failed, by design.
    """
    choice = random.Random(seed)
    tally = Tally()
    started = time.monotonic()
    daemon = _start(field, tally)
    while sum(tally.kills.values()) < kills:
        time.sleep(choice.uniform(*wait_s))
        if daemon.poll() is not None:
            if daemon.returncode not in (0, 1):
                raise RuntimeError(f"the daemon ended with code {daemon.returncode}: {field.last_words()}")
            if drop_more is None:
                break
            tally.rounds += 1
            drop_more(tally.rounds)
            daemon = _start(field, tally)
            continue
        victim = choice.choice((DAEMON, WORKER, BOTH))
        worker = _worker(daemon.pid)
        running = [row for row in field.rows() if row.state is State.RUNNING]
        if worker is None or not running or any(row.crashes >= 2 for row in running):
            victim = DAEMON
        tally.kills[victim] += 1
        if victim == WORKER:
            tally.to_death_s.append(_kill_worker(worker, tally))
            continue
        killed = time.monotonic()
        os.kill(daemon.pid, signal.SIGKILL)
        if victim == BOTH:
            _kill(worker)
        daemon.wait()
        tally.to_death_s.append(_wait_for_silence(field, killed, tally))
        daemon = _start(field, tally)
        if time.monotonic() - started > limit_s:
            raise TimeoutError("the clips are not done in time")
    daemon.wait(max(1.0, limit_s - (time.monotonic() - started)))
    time.sleep(0.2)
    tally.orphans += len(field.running())
    tally.seconds = time.monotonic() - started
    _count(field, tally)
    return tally


def _start(field: Field, tally: Tally) -> subprocess.Popen[bytes]:
    tally.starts += 1
    return field.start()


def _worker(daemon_pid: int) -> psutil.Process | None:
    try:
        children = psutil.Process(daemon_pid).children()
        return next((child for child in children if "deshimmer.daemon.worker" in " ".join(child.cmdline())), None)
    except psutil.Error:
        return None


def _kill(process: psutil.Process | None) -> None:
    if process is not None:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return


def _kill_worker(worker: psutil.Process | None, tally: Tally) -> float:
    assert worker is not None
    started = time.monotonic()
    try:
        tools = worker.children(recursive=True)
        worker.kill()
    except psutil.NoSuchProcess:
        return 0.0
    _, alive = psutil.wait_procs(tools, GRACE_S)
    tally.orphans += len(alive)
    return time.monotonic() - started


def _wait_for_silence(field: Field, since: float, tally: Tally) -> float:
    while left := field.running():
        if time.monotonic() - since > GRACE_S:
            tally.orphans += len(left)
            return GRACE_S
        time.sleep(0.02)
    return time.monotonic() - since


def _count(field: Field, tally: Tally) -> None:
    results = field.hot / "deshimmered"
    claimed: set[Path] = set()
    receipts: Counter[str] = Counter()
    for path in results.rglob("*.receipt.json"):
        receipt = json.loads(path.read_bytes())
        receipts[receipt["path"]] += 1
        tally.outcomes[receipt["outcome"]] += 1
        claimed |= {path, *(path.parent / name for name in receipt["details"]["files"])}
        for output in filter(None, (receipt["output"], receipt["comparison"])):
            if not _plays(Path(output)):
                tally.partial.append(output)
    frames = {path.parent for path in field.hot.rglob("*.png")}
    clips = [str(path) for path in sorted({*field.hot.rglob("*.mp4"), *frames}) if results not in path.parents]
    told = Counter(json.loads(line)["path"] for line in field.told.read_text().splitlines() if line.endswith("}"))
    tally.clips = len(clips)
    tally.lost = [clip for clip in clips if receipts[clip] == 0]
    tally.doubled = [clip for clip in clips if receipts[clip] > 1 or told[clip] > 1]
    made = [path for path in field.hot.rglob("*") if path.is_relative_to(results) and path.is_file()]
    tally.partial += [str(path) for path in made if not claimed & {path, path.parent}]
    tally.partial += [str(path) for path in field.hot.rglob(".deshimmer-work")]


def _plays(path: Path) -> bool:
    try:
        if path.is_dir():
            return sum(1 for _ in media.frames(media.probe(path))) > 0
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0)) > 0
    except (OSError, av.FFmpegError, ClipError):
        return False


def watch_command(hot: Path, road: str | None = None) -> list[str]:
    """``deshimmer watch DIR --once --json``; with a road of its own the same through ``app.watch``."""
    if road is None:
        program = "import sys; from deshimmer.daemon.cli import main; sys.exit(main())"
        return [sys.executable, "-c", program, "watch", str(hot), "--once", "--json", "--set", "intake.quiet_s=0.2"]
    program = (
        "import json, sys; from pathlib import Path; from deshimmer.config.settings import HotFolder, Settings\n"
        "from deshimmer.daemon import app\n"
        "tell = lambda receipt: print(json.dumps({'path': receipt.path}), flush=True)\n"
        "settings = Settings.model_validate({'intake': {'quiet_s': 0.2}})\n"
        "app.watch(settings, HotFolder(path=Path(sys.argv[1])), True, tell, road=sys.argv[2])\n"
    )
    return [sys.executable, "-c", program, str(hot), road]
