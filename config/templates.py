"""The templates of installers/, filled in. Each format has a way of its own to write a command line or a path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from subprocess import list2cmdline as windows_command
from xml.sax.saxutils import escape as xml_text

_FOLDER = Path(__file__).parents[1] / "installers"

_SYSTEMD_WORD = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "%": "%%"})
_DESKTOP_TEXT = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})
_DESKTOP_WORD = str.maketrans({"\\": "\\\\", '"': '\\"', "`": "\\`", "$": "\\$", "%": "%%"})

__all__ = [
    "desktop_command",
    "desktop_text",
    "fill",
    "plist_array",
    "plist_dict",
    "systemd_command",
    "systemd_environment",
    "systemd_text",
    "windows_command",
    "xml_text",
]


def fill(name: str, **values: str) -> str:
    """The template ``name`` (``linux/deshimmer.service``) with every ``${key}`` replaced; the values are quoted already."""
    return Template((_FOLDER / name).read_text(encoding="utf-8")).substitute(values)


def systemd_command(argv: Sequence[str]) -> str:
    """For ``ExecStart=:``, which leaves '$' alone (systemd.service(5), "Command lines").

    systemd refuses a program with quotes or backslashes in its path, though as an argument they are right.
    """
    words = argv if not set("'\"\\") & set(argv[0]) else ("/bin/sh", "-c", 'exec "$0" "$@"', *argv)
    return " ".join(map(_systemd_word, words))


def _systemd_word(word: str) -> str:
    return f'"{word.translate(_SYSTEMD_WORD)}"'


def systemd_text(text: str) -> str:
    """For keys that take one path as it stands."""
    return text.replace("%", "%%")


def systemd_environment(variables: Mapping[str, str]) -> str:
    return "\n".join(f"Environment={_systemd_word(f'{name}={value}')}" for name, value in variables.items())


def desktop_command(argv: Iterable[str]) -> str:
    """For ``Exec=``: quoted as a word, then escaped as a string (Desktop Entry Specification, "The Exec key")."""
    return desktop_text(" ".join(f'"{word.translate(_DESKTOP_WORD)}"' for word in argv))


def desktop_text(text: str) -> str:
    return text.translate(_DESKTOP_TEXT)


def plist_array(words: Iterable[str]) -> str:
    return "".join(f"<string>{xml_text(word)}</string>" for word in words)


def plist_dict(entries: Mapping[str, str]) -> str:
    return "".join(f"<key>{xml_text(name)}</key><string>{xml_text(value)}</string>" for name, value in entries.items())
