"""Being asked to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from deshimmer.daemon import signals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    former = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_stops_within_the_block_only(number: signal.Signals) -> None:
    calls: list[int] = []
    with signals.calling(lambda: calls.append(1)):
        os.kill(os.getpid(), number)
    assert calls == [1]
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals.calling(lambda: pytest.fail("it was called")):
        os.kill(os.getpid(), signal.SIGHUP)


def test_an_interruption_that_a_library_swallowed_comes_again() -> None:
    with signals.Interruption.by_signals() as interruption:
        interruption.check()
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
