"""The queue on a Postgres of its own, where the server's programs are installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from queuedesk import Desk

from deshimmer.config.settings import Settings
from deshimmer.daemon.reading import read_jobs

pwd = pytest.importorskip("pwd", reason="there are no users as on POSIX")
_FOUND = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")), *filter(None, [shutil.which("initdb")])]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of an empty database; the server keeps nothing safe, and ends with the tests."""
    if not _FOUND:
        pytest.skip("no Postgres server is installed (initdb is not there)")
    programs = Path(_FOUND[-1]).parent
    as_server = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        try:
            as_server = {"user": pwd.getpwnam("postgres").pw_uid, "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}
        except KeyError:
            pytest.skip("this runs as root, as which Postgres refuses to start, and there is no user postgres")
    with TemporaryDirectory(prefix="pg") as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        if as_server:
            os.chown(folder, as_server["user"], as_server["group"])
        data = Path(folder) / "data"

        def call(*argv: str | Path) -> None:
            subprocess.run([*map(str, argv)], check=True, cwd=folder, stdout=subprocess.DEVNULL, **as_server)

        call(programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        call(programs / "pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://tester@127.0.0.1:{port}/postgres"
        finally:
            call(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def test_the_queue_runs_and_survives_a_stop_on_postgres(postgres: str, tmp_path: Path, faulty_road: str) -> None:
    settings = Settings.model_validate({"queue": {"database": postgres}})
    desk = Desk(tmp_path, settings)
    try:
        kept, failed = desk.enqueue(desk.clip(os.fsdecode(b"ok-\xe4"))), desk.enqueue(desk.clip("error-2"))
        slow = desk.enqueue(desk.clip("slow-3", frames=5))
        desk.wait(lambda: desk.jobs.get(slow.id).stage == "diagnose")
        desk.jobs.close()
        assert [row.state for row in read_jobs(settings)] == ["queued", "failed", "done"]
        desk.open()
        desk.wait_for_end()
        assert [desk.outcome(row) for row in (kept, failed, slow)] == ["kept", "failed", "kept"]
        assert desk.jobs.history_clear() == 3
    finally:
        desk.jobs.close()
