"""One holder of GPU memory, over processes: two real ``fix`` on one stand-in of a program that uses the GPU."""

from __future__ import annotations

import subprocess
import sys
import threading
from itertools import groupby
from pathlib import Path

import fake_ncnn
from clipmaker import pan, write

from deshimmer.config import locks, paths


def test_two_fixes_use_the_gpu_one_after_the_other_and_say_so(tmp_path: Path) -> None:
    program = fake_ncnn.install(tmp_path / "ncnn")
    options = ["--route", "interpolate", "--set", "models.interpolator=rife-ncnn-vulkan", "--set", f"tools.rife_ncnn_vulkan={program}"]
    fixes: list[subprocess.Popen[str]] = []
    waiting = [threading.Event(), threading.Event()]
    said: list[list[str]] = [[], []]

    def listen(number: int) -> None:
        for line in fixes[number].stderr or ():
            said[number].append(line)
            if "waiting: another deshimmer of yours uses the GPU" in line:
                waiting[number].set()

    with locks.holding(paths.gpu_lock()):
        for number in (0, 1):
            clip = write(tmp_path / f"clip-{number}.mp4", pan(4, (64, 48)))
            command = [sys.executable, "-m", "deshimmer.daemon", "fix", str(clip), "--output", str(tmp_path / "out"), *options]
            fixes.append(subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True))
        listeners = [threading.Thread(target=listen, args=[number]) for number in (0, 1)]
        for listener in listeners:
            listener.start()
        assert [event.wait(120) for event in waiting] == [True, True], said
        assert not (program.parent / "runs.jsonl").exists()
    assert [fix.wait(120) for fix in fixes] == [0, 0], said
    for listener, fix in zip(listeners, fixes, strict=True):
        listener.join()
        assert fix.stderr is not None
        fix.stderr.close()
    callers = [run["caller"] for run in fake_ncnn.runs(program)]
    assert [(caller, len(list(runs))) for caller, runs in groupby(callers)] == [(callers[0], 3), (callers[-1], 3)]
    assert set(callers) == {fix.pid for fix in fixes}
