from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from deshimmer.config import locks

HOLDER = """
import sys, time
from pathlib import Path
from deshimmer.config import locks

with locks.holding(Path(sys.argv[1])):
    print(flush=True)
    time.sleep(60)
"""


def test_one_holder_and_a_kill_releases(tmp_path: Path) -> None:
    file = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with locks.trying(file) as held:
            assert not held
        holder.kill()
        started = time.monotonic()
        with locks.holding(file):
            assert time.monotonic() - started < 10
    with locks.trying(file) as held:
        assert held
