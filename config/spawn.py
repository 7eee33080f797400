"""The one place that starts processes: list arguments, a record of what runs, and the whole tree killed at the end.

A kill -9 of ours leaves its tools alive. So every process started here is recorded in the state folder with its own and its
owner's pid and start time; ``reap_orphans`` kills, at the daemon's start, those whose owner is gone.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import psutil

from . import paths, whole
from .errors import ToolFailed

log = logging.getLogger(__name__)

_CREATION_FLAGS = subprocess.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 0
_NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
_DETACHED = _NEW_GROUP | subprocess.DETACHED_PROCESS if sys.platform == "win32" else 0
_ERROR_CHARACTERS = 600


class Process:
    """A running tool. ``stdin`` and ``stdout`` are binary pipes where asked for; standard error is kept for ``error_tail``.

    ``own_group`` keeps a terminal's Ctrl-C from it and from what it starts, and ``kill_tree`` then reaches all of these even
    when the process itself has died.
    """

    def __init__(
        self,
        argv: Sequence[str],
        errors: IO[bytes],
        *,
        stdin: bool,
        stdout: bool,
        env: Mapping[str, str] | None = None,
        own_group: bool = False,
    ) -> None:
        self.argv = list(argv)
        self._errors = errors
        self._own_group = own_group
        self._popen = subprocess.Popen(
            self.argv,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
            stderr=errors,
            env=env,
            creationflags=_CREATION_FLAGS | (_NEW_GROUP if own_group else 0),
            start_new_session=own_group,
        )
        self.stdin: IO[bytes] | None = self._popen.stdin
        self.stdout: IO[bytes] | None = self._popen.stdout
        try:
            self._record = _write_record(self._popen.pid)
        except BaseException:
            self.kill_tree()
            self._close_pipes()
            raise

    @property
    def pid(self) -> int:
        return self._popen.pid

    def poll(self) -> int | None:
        return self._popen.poll()

    def wait(self) -> int:
        """The exit code, once the process has ended."""
        return self._popen.wait()

    def error_tail(self, characters: int = _ERROR_CHARACTERS) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-characters:]

    def kill_tree(self) -> None:
        kill_tree(self._popen.pid)
        if self._own_group and sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        with suppress(OSError):
            self._popen.wait(10)

    def close(self) -> None:
        self._close_pipes()
        self._record.unlink(missing_ok=True)

    def _close_pipes(self) -> None:
        for pipe in (self.stdin, self.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


@contextmanager
def spawn(
    argv: Sequence[str], *, stdin: bool = False, stdout: bool = False, env: Mapping[str, str] | None = None
) -> Generator[Process, None, None]:
    """Start a tool; on leaving the block whatever still runs of it is killed. Raises ToolFailed when it cannot be started."""
    with TemporaryFile() as errors:
        try:
            process = Process(argv, errors, stdin=stdin, stdout=stdout, env=env)
        except OSError as error:
            raise ToolFailed(
                f"{argv[0]} cannot be started: {error.strerror}. 'deshimmer doctor' says what is missing.", path=argv[0]
            ) from None
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill_tree()
            process.close()


def run(argv: Sequence[str], *, timeout_s: float, env: Mapping[str, str] | None = None, error_characters: int = _ERROR_CHARACTERS) -> bytes:
    """Run a tool to its end and return its standard output. Raises ToolFailed for a bad exit code, with the last ``error_characters`` that
    it said, or a timeout.
    """
    with spawn(argv, env=env, stdout=True) as process:
        assert process.stdout is not None
        timed_out = threading.Event()

        def expire() -> None:
            timed_out.set()
            process.kill_tree()

        watchdog = threading.Timer(timeout_s, expire)
        watchdog.start()
        try:
            output = process.stdout.read()
            code = process.wait()
        finally:
            watchdog.cancel()
        if timed_out.is_set():
            raise ToolFailed(f"{Path(argv[0]).name} gave no result within {timeout_s:g} s. Retry when the machine is less busy.")
        if code != 0:
            raise ToolFailed(f"{Path(argv[0]).name} ended with code {code}: {process.error_tail(error_characters)}")
        return output


def kill_tree(pid: int) -> None:
    """Kill a process and all below it; absent ones are no error."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(tree, timeout=5)


def reap_orphans() -> int:
    """Kill recorded processes whose owner no longer runs. Returns how many were killed."""
    killed = 0
    for record in _records_dir().glob("*.json"):
        try:
            entry = json.loads(record.read_text())
        except (OSError, ValueError):  # its writer died within the write
            record.unlink(missing_ok=True)
            continue
        if is_running(entry["owner_pid"], entry["owner_started"]):
            continue
        if is_running(entry["pid"], entry["started"]):
            log.warning("killing process %s, left over from a run that was killed", entry["pid"])
            kill_tree(entry["pid"])
            killed += 1
        record.unlink(missing_ok=True)
    return killed


def is_running(pid: int, started: float) -> bool:
    """True when this very process (pids are used again) still runs; ``started`` is psutil's create_time, seconds."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 0.05 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _records_dir() -> Path:
    folder = paths.state_dir() / "processes"
    folder.mkdir(exist_ok=True)
    return folder


def _write_record(pid: int) -> Path:
    own = psutil.Process()
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        started = 0.0
    record = _records_dir() / f"{pid}-{own.pid}.json"
    entry = {"pid": pid, "started": started, "owner_pid": own.pid, "owner_started": own.create_time()}
    whole.write(record, json.dumps(entry).encode())  # another process may be looking for orphans
    return record


def detach(argv: Sequence[str], log_file: Path | None = None) -> subprocess.Popen[bytes]:
    """Start a program that outlives us, and that nobody here will kill: no record of it is kept. What it says goes to ``log_file``.

    Raises ToolFailed when it cannot be started.
    """
    with open(log_file or os.devnull, "wb") as output:
        try:
            process = subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output, creationflags=_DETACHED, start_new_session=True
            )
        except OSError as error:
            raise ToolFailed(f"{argv[0]} cannot be started: {error.strerror}.", path=argv[0]) from None
    threading.Thread(target=process.wait, name=f"end of {argv[0]}", daemon=True).start()  # else it would stay a zombie
    return process
