"""A job that ComfyUI renders, in a real queue with real workers: our prompt does not stop itself, and goes when its worker does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import queuedesk
from comfyui_server import ComfyUI
from queuedesk import Desk
from standin import StandIn

from deshimmer.config.settings import Settings
from deshimmer.daemon.courtesy import comfyui, gate


class Senses(StandIn):
    """Its ComfyUI is a real one."""

    def comfyui_jobs(self, url: str, *, but_ours: bool = False) -> int:
        return comfyui.jobs(url, but_ours=but_ours)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ComfyUI]:
    folder = tmp_path / "server"
    folder.mkdir()
    with ComfyUI(folder) as running:
        running.may_end.clear()
        yield running


@pytest.fixture
def senses() -> Senses:
    return Senses(())


@pytest.fixture
def desk(tmp_path: Path, server: ComfyUI, senses: Senses, faulty_road: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(gate, "LOOK_S", 0.1)
    monkeypatch.setattr(queuedesk, "ROAD", "comfyui_road")
    at = {"comfyui": server.url}
    settings = Settings.model_validate({"models": at, "courtesy": {"resume_after_s": 0.0, **at}})
    desk = Desk(tmp_path, settings, senses=senses)
    yield desk
    desk.jobs.close()


def test_our_own_prompt_is_no_reason_to_stop_it_and_the_persons_is(desk: Desk, server: ComfyUI, senses: Senses) -> None:
    row = desk.enqueue(desk.clip("ours", 10))
    desk.wait(server.at_half.is_set)
    ours = server.running[0][1]
    looks = senses.looks
    desk.wait(lambda: senses.looks > looks + 2 * gate.LOOKS_TO_STOP)
    assert (server.interrupted, [item[1] for item in server.running]) == ([], [ours])
    theirs = server.add()
    desk.wait(lambda: server.interrupted == [ours])
    desk.wait(lambda: [item[1] for item in server.running] == [theirs])
    desk.wait(lambda: [each.reason for each in desk.jobs.waiting()] == ["ComfyUI has 1 prompt in its queue"])
    server.may_end.set()
    desk.wait_for_end()
    assert (desk.outcome(row), desk.jobs.get(row.id).reason, desk.jobs.get(row.id).crashes) == ("kept", "Rendered: 10 frames.", 0)
    assert len(server.taken) == 2


def test_a_cancelled_job_takes_its_prompt_back(desk: Desk, server: ComfyUI) -> None:
    row = desk.enqueue(desk.clip("ours", 10))
    desk.wait(server.at_half.is_set)
    ours = server.running[0][1]
    desk.jobs.cancel(row.id)
    desk.wait_for_end()
    assert (desk.outcome(row), server.interrupted) == ("cancelled", [ours])
