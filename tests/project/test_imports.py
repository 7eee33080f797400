"""Imports go down only: daemon -> processors -> config; tray -> config. config imports none of the others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "config": set[str](),
    "processors": {"config"},
    "daemon": {"config", "processors"},
    "tray": {"config"},
    "installers": set[str](),
}


def imported_folders(file: Path) -> set[str]:
    """The sibling folders that a module imports, whatever way it writes it."""
    depth = len(file.relative_to(ROOT).parts) - 1
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")
            if node.level == depth + 1:
                found |= {module[0]} if module[0] else {alias.name for alias in node.names}
            elif module[0] == "deshimmer":
                found.add(module[1] if len(module) > 1 else "")
            elif node.level == 0:
                assert module[0] not in MAY_IMPORT, f"{file} imports '{node.module}' from the root folder"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                assert alias.name.split(".")[0] != "deshimmer", f"{file}: write relative imports"
    return found


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_imports_go_down_only(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for file in files:
        assert imported_folders(file) <= MAY_IMPORT[folder] | {folder}, file


def test_only_the_queue_imports_dbos() -> None:
    users = {file.name for folder in MAY_IMPORT for file in (ROOT / folder).rglob("*.py") if _imports(file, "dbos")}
    assert users == {"workflows.py"}


def _imports(file: Path, package: str) -> bool:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.append(node.module)
        if any(name.split(".")[0] == package for name in names):
            return True
    return False
