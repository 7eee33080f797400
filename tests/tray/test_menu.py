"""The menu as a function of the state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recordingdaemon import row, running, status

from deshimmer.tray.backends.dbusmenu import Tree
from deshimmer.tray.menu import Action, Do, Entry, Item, Menu, menu
from deshimmer.tray.state import Link, State, Trouble, after, with_jobs, with_status

BUSY = with_jobs(
    with_status(
        State(),
        status(
            running=[running("r1", "/r/now.mp4", 0.4)], hot_folders=[{"path": "/r", "output": "/r/o"}], counts={"queued": 2}, needs_you=1
        ),
    ),
    [row("f1", "/r/bad.mp4", "flagged", finished=4e9), row("k1", "/r/kept.mp4", "kept"), row("d1", "/r/done.mp4", "repaired")],
)


def items(entries: Menu, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Item]]:
    for entry in entries:
        if isinstance(entry, Item):
            yield (*above, entry.text), entry
            yield from items(entry.children, (*above, entry.text))


def actions(state: State, *, at_login: bool = False) -> dict[tuple[str, ...], Action]:
    return {path: item.action for path, item in items(menu(state, at_login=at_login)) if item.action is not None}


def test_everything_that_can_be_done_is_in_the_menu() -> None:
    assert actions(BUSY) == {
        ("now.mp4", "Open its page"): Action(Do.PAGE, "/jobs/r1"),
        ("now.mp4", "Cancel"): Action(Do.CANCEL, "r1"),
        ("Needs you", "bad.mp4: flagged", "Open"): Action(Do.OPEN, "f1"),
        ("Needs you", "bad.mp4: flagged", "Open its page"): Action(Do.COMPARE, "f1"),
        ("Needs you", "bad.mp4: flagged", "Show in folder"): Action(Do.SHOW_IN_FOLDER, "f1"),
        ("Needs you", "Mark all as seen"): Action(Do.SEEN),
        ("Recent results", "done.mp4: repaired", "Open"): Action(Do.OPEN, "d1"),
        ("Recent results", "done.mp4: repaired", "Compare"): Action(Do.COMPARE, "d1"),
        ("Recent results", "done.mp4: repaired", "Show in folder"): Action(Do.SHOW_IN_FOLDER, "d1"),
        ("Recent results", "kept.mp4: kept", "Open"): Action(Do.OPEN, "k1"),
        ("Recent results", "kept.mp4: kept", "Open its page"): Action(Do.COMPARE, "k1"),
        ("Recent results", "kept.mp4: kept", "Show in folder"): Action(Do.SHOW_IN_FOLDER, "k1"),
        ("Pause", "For 30 minutes"): Action(Do.PAUSE, seconds=1800.0),
        ("Pause", "For 2 hours"): Action(Do.PAUSE, seconds=7200.0),
        ("Pause", "Until resumed"): Action(Do.PAUSE),
        ("Pause", "GPU only"): Action(Do.PAUSE_GPU),
        ("Free GPU memory",): Action(Do.FREE_GPU),
        ("Open hot folder",): Action(Do.HOT_FOLDER, "/r"),
        ("Open page",): Action(Do.PAGE, "/"),
        ("Settings",): Action(Do.PAGE, "/settings"),
        ("Log",): Action(Do.PAGE, "/log"),
        ("Start at login",): Action(Do.LOGIN),
        ("Quit tray",): Action(Do.QUIT),
        ("Stop service",): Action(Do.STOP),
    }


def test_the_first_lines_say_what_goes_on() -> None:
    labels = [entry.label for entry in menu(BUSY, at_login=False)[:2] if isinstance(entry, Item)]
    assert labels == ["Repairing 1 clip  2 in the queue", "now.mp4  40 %"]


def test_a_menu_that_differs_in_percent_only_is_equal() -> None:
    further = after(BUSY, "progress", running("r1", "/r/now.mp4", 0.9))
    assert menu(further, at_login=False) == menu(BUSY, at_login=False)
    assert [item.label for path, item in items(menu(further, at_login=False)) if path == ("now.mp4",)] == ["now.mp4  90 %"]
    assert menu(BUSY, at_login=True) != menu(BUSY, at_login=False)
    assert menu(after(BUSY, "job", row("r2", "/r/more.mp4")), at_login=False) != menu(BUSY, at_login=False)


def test_pauses_can_be_taken_back_each() -> None:
    paused = actions(replace(BUSY, paused=True, gpu_paused=True))
    assert paused["Resume",] == Action(Do.RESUME)
    assert paused["Resume on the GPU",] == Action(Do.RESUME_GPU)


def test_without_a_daemon_the_menu_offers_to_start_it_and_nothing_that_needs_it() -> None:
    down = State(link=Link.DOWN, recent=BUSY.recent)
    assert set(actions(down)) == {("Start deshimmer",), ("Open log folder",), ("Start at login",), ("Quit tray",)}


def test_what_failed_is_said() -> None:
    state = replace(BUSY, trouble=Trouble("The file is gone", "It was moved."))
    assert "The file is gone: It was moved." in [path[0] for path, _ in items(menu(state, at_login=False))]


def test_the_ends_of_a_long_name_are_kept() -> None:
    state = after(BUSY, "job", row("x", f"/r/{'a' * 80}_take_07.mp4"))
    name = next(path[0] for path, _ in items(menu(state, at_login=False)) if "take_07" in path[0])
    assert len(name) < 50
    assert name.endswith("_take_07.mp4")


def number_of(tree: Tree, text: str) -> int:
    return next(number for number, node in tree.nodes.items() if isinstance(node.entry, Item) and node.entry.text == text)


def test_an_item_keeps_its_number_and_no_number_is_given_twice() -> None:
    tree = Tree()
    tree.replace(menu(BUSY, at_login=False))
    cancel, quit_tray, used = number_of(tree, "Cancel"), number_of(tree, "Quit tray"), set(tree.nodes)
    idle = after(BUSY, "finished", {"job": row("r1", "/r/now.mp4", "repaired")})
    tree.replace(menu(idle, at_login=False))
    assert tree.action(quit_tray) == Action(Do.QUIT)
    assert tree.action(cancel) is None, "a click on the old menu must not reach another item"
    tree.replace(menu(after(idle, "job", row("r2", "/r/next.mp4")), at_login=False))
    assert number_of(tree, "Cancel") not in used


def test_the_tree_gives_every_entry_once_and_takes_new_percents() -> None:
    entries = menu(BUSY, at_login=True)
    tree = Tree()
    tree.replace(entries)
    assert len(tree.nodes) == 1 + sum(1 for _ in walk(entries))
    assert tree.properties(number_of(tree, "Start at login"), [])["toggle-state"].value == 1
    further = menu(after(BUSY, "progress", running("r1", "/r/now.mp4", 0.9)), at_login=True)
    changed = tree.relabel(further)
    assert [tree.properties(number, ["label"])["label"].value for number in changed] == ["now.mp4  90 %"]
    assert tree.relabel(further) == []


def walk(entries: Menu) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from walk(entry.children) if isinstance(entry, Item) else ()
