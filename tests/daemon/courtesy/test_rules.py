"""Each reason to wait, by number, on a stand-in of the machine."""

from __future__ import annotations

import os
from datetime import time
from typing import Any

import pytest
from standin import StandIn, card, process

from deshimmer.config.errors import SettingsError
from deshimmer.config.settings import Courtesy, load_settings
from deshimmer.daemon.courtesy.rules import What, reasons

OURS = frozenset({os.getpid()})


def why(machine: StandIn, **wishes: Any) -> str | None:
    found = reasons(Courtesy.model_validate(wishes), machine, OURS, What.GPU)
    assert set(found) <= {What.GPU}
    return found.get(What.GPU)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("resolve", "DaVinci Resolve"),
        ("Resolve.exe", "DaVinci Resolve"),
        ("Adobe Premiere Pro.exe", "Premiere Pro"),
        ("AfterFX.exe", "After Effects"),
        ("Nuke15.1", "Nuke"),
        ("blender", "Blender"),
    ],
)
def test_a_named_program_that_works_on_the_gpu_has_it(name: str, shown: str) -> None:
    assert why(StandIn((card(process(name, 0.06), busy=0.06),))) == f"{shown} uses the GPU"


def test_running_alone_is_no_reason() -> None:
    assert why(StandIn((card(process("resolve", 0.02), busy=0.02),))) is None
    assert why(StandIn((card(process("firefox", 0.4), busy=0.4),))) is None


def test_any_gpu_counts_and_the_list_is_the_users() -> None:
    cards = (card(), card(process("houdini", 0.3), busy=0.3))
    assert why(StandIn(cards)) is None
    assert why(StandIn(cards), programs=["houdini*"]) == "houdini uses the GPU"
    assert why(StandIn((card(process("resolve", 0.3), busy=0.3),)), programs=[]) is None


def test_where_the_driver_tells_nothing_by_process_the_processor_does() -> None:
    silent = (card(process("blender", None), busy=0.3),)
    assert why(StandIn(silent)) is None
    assert why(StandIn(silent, busy=["Blender"])) == "Blender uses the GPU"
    assert why(StandIn(None, busy=["Blender"])) == "Blender is at work"


def test_what_others_hold_and_use_counts_and_ours_does_not() -> None:
    ours = process("python", 0.9, pid=os.getpid(), memory=5.0)
    assert why(StandIn((card(ours, used=7.0, busy=0.95),))) is None
    assert why(StandIn((card(used=6.1),))) == "other programs hold 61% of the memory of the GPU (RTX)"
    assert why(StandIn((card(used=6.1),)), gpu_memory=0.7) is None
    assert why(StandIn((card(busy=0.51),))) == "other programs keep the GPU busy to 51% (RTX)"
    both = card(ours, process("game", 0.6, memory=1.0), used=6.5, busy=0.99)
    assert why(StandIn((both,))) == "other programs keep the GPU busy to 60% (RTX)"
    untold = card(process("python", None, pid=os.getpid()), process("game", None), busy=0.99)
    assert why(StandIn((untold,))) is None


def test_what_a_worker_started_is_ours(tmp_path) -> None:
    child = process("rife-ncnn-vulkan", 0.9, pid=os.getpid(), memory=7.0)
    found = reasons(Courtesy(), StandIn((card(child, used=8.0, busy=0.9),)), frozenset({os.getppid()}), What.GPU)
    assert found == {}


def test_comfyui_the_user_battery_and_quiet_hours() -> None:
    assert why(StandIn(prompts=1)) == "ComfyUI has 1 prompt in its queue"
    assert why(StandIn(prompts=3)) == "ComfyUI has 3 prompts in its queue"
    assert why(StandIn(idle=5.0)) is None
    assert why(StandIn(idle=5.0), idle_s=60) == "you are at work"
    assert why(StandIn(idle=60.0), idle_s=60) is None
    assert why(StandIn(idle=None), idle_s=60) is None
    assert why(StandIn(battery=True)) == "the machine runs on battery"
    assert why(StandIn(battery=True), on_battery="work") is None
    night = {"quiet_hours": "22:00-07:00"}
    assert why(StandIn(clock=time(23)), **night) == "quiet hours (22:00-07:00)"
    assert why(StandIn(clock=time(6, 59)), **night) == "quiet hours (22:00-07:00)"
    assert why(StandIn(clock=time(7)), **night) is None


def test_a_condition_holds_up_all_work_where_the_settings_say_so() -> None:
    wishes = Courtesy.model_validate({"on_battery": "all", "in_quiet_hours": "all", "quiet_hours": "22:00-07:00"})
    told = "the machine runs on battery"
    assert reasons(wishes, StandIn(battery=True), OURS, What.ALL) == {What.ALL: told, What.GPU: told}
    assert What.ALL in reasons(wishes, StandIn(clock=time(1)), OURS, What.ALL)
    assert reasons(wishes, StandIn(prompts=2), OURS, What.ALL) == {}
    assert reasons(Courtesy(), StandIn(battery=True), OURS, What.ALL) == {}


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("courtesy.comfyui=http://10.0.0.7:8188", "a ComfyUI on this machine"),
        ("courtesy.quiet_hours=22-7", "quiet_hours"),
        ("courtesy.after_queue=command", "after_queue_command"),
        ("courtesy.program=[]", "is not a setting"),
    ],
)
def test_settings_that_do_not_fit_are_refused(key: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(None, [key])


COMFYUI = "http://127.0.0.1:8188"


def test_the_comfyui_that_works_for_us_is_no_reason_to_wait() -> None:
    serving = card(process("python", 0.9, pid=77, memory=8.0), used=8.5, busy=0.9)
    machine = StandIn((serving,), own_prompts=1, comfyui=frozenset({77}))

    def found(through: str | None) -> str | None:
        return reasons(Courtesy(), machine, OURS, What.GPU, through).get(What.GPU)

    assert (found(None), found(COMFYUI)) == ("ComfyUI has 1 prompt in its queue", None)
    machine.own_prompts = 0
    assert found(None) == "other programs hold 85% of the memory of the GPU (RTX)"
    machine.prompts = 2
    assert found(COMFYUI) == "ComfyUI has 2 prompts in its queue"
    machine.prompts = 0
    machine.cards = (card(process("python", 0.9, pid=77, memory=None), used=8.5, busy=0.9),)
    assert found(COMFYUI) is None
    machine.cards = (card(process("python", 0.2, pid=77), process("resolve", 0.5, pid=78), busy=0.7),)
    assert found(COMFYUI) == "DaVinci Resolve uses the GPU"
