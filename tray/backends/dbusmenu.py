"""A menu told over D-Bus (com.canonical.dbusmenu), which the panel draws itself.

An item keeps its number while it stands in the menu, and no number is given twice: a click on a menu that is just being replaced
never reaches another item.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Annotated

from dbus_fast import PropertyAccess, Variant
from dbus_fast.annotations import DBusBool, DBusInt32, DBusSignature, DBusStr, DBusUInt32, DBusVariant
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from ..menu import Action, Entry, Item, Menu
from . import Click

_ROOT = 0
_ALL_LEVELS = -1

Properties = dict[str, Variant]
Key = tuple[int, str, Action | None, int]
Names = Annotated[list[str], DBusSignature("as")]
Numbers = Annotated[list[int], DBusSignature("ai")]
Layout = Annotated[list[object], DBusSignature("u(ia{sv}av)")]
ItemProperties = Annotated[list[list[object]], DBusSignature("a(ia{sv})")]
Updates = Annotated[list[object], DBusSignature("a(ia{sv})a(ias)")]
Events = Annotated[list[tuple[int, str, Variant, int]], DBusSignature("a(isvu)")]
Numbers2 = Annotated[list[list[int]], DBusSignature("aiai")]
LayoutChange = Annotated[list[int], DBusSignature("ui")]


@dataclass(frozen=True)
class Node:
    number: int
    entry: Entry | None  # None: the root
    children: tuple[int, ...]

    def properties(self) -> Properties:
        if self.entry is None:
            return {"children-display": Variant("s", "submenu")}
        if not isinstance(self.entry, Item):
            return {"type": Variant("s", "separator")}
        properties = {"label": Variant("s", self.entry.label.replace("_", "__")), "enabled": Variant("b", self.entry.enabled)}
        if self.entry.children:
            properties["children-display"] = Variant("s", "submenu")
        if self.entry.checked is not None:
            properties |= {"toggle-type": Variant("s", "checkmark"), "toggle-state": Variant("i", int(self.entry.checked))}
        return properties


class Tree:
    """The menu with numbers."""

    def __init__(self) -> None:
        self.revision = 0
        self.nodes = {_ROOT: Node(_ROOT, None, ())}
        self._fresh = count(1)
        self._numbers: dict[Key, int] = {}

    def replace(self, menu: Menu) -> None:
        known, self._numbers, self.nodes = self._numbers, {}, {}
        self.nodes[_ROOT] = Node(_ROOT, None, self._number(menu, _ROOT, known))
        self.revision += 1

    def relabel(self, menu: Menu) -> list[int]:
        """Take details from a menu that is equal; the numbers of the items whose label is another now."""
        changed: list[int] = []
        for number, entry in self._pairs(menu, _ROOT):
            node = self.nodes[number]
            if isinstance(entry, Item) and isinstance(node.entry, Item) and entry.detail != node.entry.detail:
                self.nodes[number] = Node(number, entry, node.children)
                changed.append(number)
        return changed

    def layout(self, number: int, levels: int, names: list[str]) -> list[object]:
        node = self.nodes[number]
        below = [] if levels == 0 else [Variant("(ia{sv}av)", self.layout(child, levels - 1, names)) for child in node.children]
        return [number, self.properties(number, names), below]

    def properties(self, number: int, names: list[str]) -> Properties:
        return {key: value for key, value in self.nodes[number].properties().items() if not names or key in names}

    def action(self, number: int) -> Action | None:
        node = self.nodes.get(number)
        return node.entry.action if node is not None and isinstance(node.entry, Item) else None

    def _number(self, menu: Menu, parent: int, known: dict[Key, int]) -> tuple[int, ...]:
        numbers: list[int] = []
        for entry in menu:
            key = self._key(entry, parent)
            number = self._numbers[key] = known[key] if key in known else next(self._fresh)
            children = self._number(entry.children, number, known) if isinstance(entry, Item) else ()
            self.nodes[number] = Node(number, entry, children)
            numbers.append(number)
        return tuple(numbers)

    def _key(self, entry: Entry, parent: int) -> Key:
        text, action = (entry.text, entry.action) if isinstance(entry, Item) else ("", None)
        return next(key for key in ((parent, text, action, turn) for turn in count()) if key not in self._numbers)

    def _pairs(self, menu: Menu, parent: int) -> Iterator[tuple[int, Entry]]:
        for number, entry in zip(self.nodes[parent].children, menu, strict=True):
            yield number, entry
            if isinstance(entry, Item):
                yield from self._pairs(entry.children, number)


class DbusMenu(ServiceInterface):
    """Only the event loop's thread may call it."""

    def __init__(self, click: Click) -> None:
        super().__init__("com.canonical.dbusmenu")
        self._click = click
        self._menu: Menu | None = None
        self._tree = Tree()

    def show(self, menu: Menu) -> None:
        if menu != self._menu:
            self._tree.replace(menu)
            self.LayoutUpdated()
        elif changed := self._tree.relabel(menu):
            self.ItemsPropertiesUpdated([[[number, self._tree.properties(number, ["label"])] for number in changed], []])
        self._menu = menu

    @dbus_method()
    def GetLayout(self, parent: DBusInt32, levels: DBusInt32, names: Names) -> Layout:
        return [self._tree.revision, self._tree.layout(parent if parent in self._tree.nodes else _ROOT, levels, names)]

    @dbus_method()
    def GetGroupProperties(self, numbers: Numbers, names: Names) -> ItemProperties:
        wanted = numbers or list(self._tree.nodes)
        return [[number, self._tree.properties(number, names)] for number in wanted if number in self._tree.nodes]

    @dbus_method()
    def GetProperty(self, number: DBusInt32, name: DBusStr) -> DBusVariant:
        return self._tree.properties(number, [name]).get(name, Variant("s", ""))

    @dbus_method()
    def Event(self, number: DBusInt32, kind: DBusStr, data: DBusVariant, time: DBusUInt32):
        action = self._tree.action(number)
        if kind == "clicked" and action is not None:
            self._click(action)

    @dbus_method()
    def EventGroup(self, events: Events) -> Numbers:
        for number, kind, data, time in events:
            self.Event(number, kind, data, time)
        return [number for number, *_ in events if number not in self._tree.nodes]

    @dbus_method()
    def AboutToShow(self, number: DBusInt32) -> DBusBool:
        return False

    @dbus_method()
    def AboutToShowGroup(self, numbers: Numbers) -> Numbers2:
        return [[], []]

    @dbus_signal()
    def LayoutUpdated(self) -> LayoutChange:
        return [self._tree.revision, _ROOT]

    @dbus_signal()
    def ItemsPropertiesUpdated(self, updates: object) -> Updates:
        return updates  # type: ignore[return-value]

    @dbus_property(access=PropertyAccess.READ)
    def Version(self) -> DBusUInt32:
        return 3

    @dbus_property(access=PropertyAccess.READ)
    def Status(self) -> DBusStr:
        return "normal"

    @dbus_property(access=PropertyAccess.READ)
    def TextDirection(self) -> DBusStr:
        return "ltr"

    @dbus_property(access=PropertyAccess.READ)
    def IconThemePath(self) -> Names:
        return []
