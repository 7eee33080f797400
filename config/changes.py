"""What is written, removed and run to make a program at home on a system, as data: shown by ``--dry-run``, or done."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from . import spawn, whole
from .errors import CannotWrite, ToolFailed

_TIMEOUT_S = 150.0
"""Above the unit's TimeoutStartSec: the service manager's own verdict comes first."""


@dataclass(frozen=True)
class Write:
    path: Path
    text: str
    encoding: str = "utf-8"
    VERBS: ClassVar = ("write", "wrote")

    @property
    def is_needed(self) -> bool:
        """The file is not there, or holds something else."""
        try:
            return self.path.read_bytes() != self.text.encode(self.encoding)
        except OSError:
            return True

    def do(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            whole.write(self.path, self.text.encode(self.encoding))
        except OSError as error:
            raise CannotWrite(f"It cannot be written ({error.strerror}). Give yourself the right to write there.", path=self.path) from None

    def as_dict(self) -> dict[str, Any]:
        return {"write": str(self.path), "text": self.text}

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Remove:
    path: Path
    VERBS: ClassVar = ("remove", "removed")

    def do(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise CannotWrite(f"It cannot be removed ({error.strerror}). Remove it yourself.", path=self.path) from None

    def as_dict(self) -> dict[str, Any]:
        return {"remove": str(self.path)}

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Run:
    """``may_fail``: it takes away what may be gone already."""

    argv: tuple[str, ...]
    may_fail: bool = False
    VERBS: ClassVar = ("run", "ran")

    def do(self) -> None:
        try:
            spawn.run(self.argv, timeout_s=_TIMEOUT_S)
        except ToolFailed:
            if not self.may_fail:
                raise

    def as_dict(self) -> dict[str, Any]:
        return {"run": list(self.argv)}

    def __str__(self) -> str:
        return shlex.join(self.argv)


Change = Write | Remove | Run


def needed(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Without the files that are as they shall be."""
    return tuple(change for change in changes if not isinstance(change, Write) or change.is_needed)


def apply(changes: Iterable[Change]) -> None:
    """Do all in order. Raises CannotWrite, or ToolFailed for a program that ends with an error."""
    for change in changes:
        change.do()
