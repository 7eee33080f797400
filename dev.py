#!/usr/bin/env python3
"""Sets deshimmer up in a virtual environment of its own (.venv beside this file) and runs it or its tests.

    python3 dev.py run [DIR] [--ai] [options of deshimmer watch]
    python3 dev.py test [options of pytest]
    python3 dev.py check
    python3 dev.py deb [FOLDER]

Standard library only. Works on Linux, macOS and Windows with Python 3.11 or newer.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
STAMP = VENV / "deshimmer-setup.json"
CONSTRAINTS = ROOT / "constraints.txt"
ALONE = [
    "tests/daemon/page/test_many_jobs.py",
    "tests/daemon/test_events.py",
    "tests/tray/test_desktop.py",
    "tests/tray/test_notify_desktop.py",
    "tests/tray/test_notify_whole_way.py",
]

USAGE = (__doc__ or "").split("\n\n")[1]


def main(arguments: list[str]) -> int:
    command, *rest = arguments or ["--help"]
    if command not in COMMANDS:
        print(USAGE)
        return 0 if command in ("-h", "--help") else 2
    require_python()
    return COMMANDS[command](rest)


def run(arguments: list[str]) -> int:
    """The main job: watch a hot folder in the foreground."""
    wants_ai = "--ai" in arguments
    set_up({"ai"} if wants_ai or has_gpu() else set())
    return call([BIN / "deshimmer", "watch", *(argument for argument in arguments if argument != "--ai")])


def test(arguments: list[str]) -> int:
    """All tests, two files at a time; those that mind the clock after them and alone."""
    set_up({"ai", "test"})
    if arguments:
        return call([BIN / "pytest", *arguments])
    return max(
        call([BIN / "pytest", "-n", "2", "--dist", "loadfile", "tests", *(f"--ignore={place}" for place in ALONE)]),
        call([BIN / "pytest", *ALONE]),
    )


def check(arguments: list[str]) -> int:
    """Style and types: the same for developers and CI."""
    set_up({"ai", "test"})
    steps = (
        [BIN / "ruff", "check", "."],
        [BIN / "ruff", "format", "--check", "."],
        [BIN / "basedpyright", "--pythonpath", BIN / python_name()],
    )
    return max(call(step) for step in steps)


def deb(arguments: list[str]) -> int:
    """A Debian package of this checkout, in dist/."""
    set_up(set())
    return call([BIN / python_name(), ROOT / "installers" / "linux" / "deb.py", *arguments])


COMMANDS = {"run": run, "test": test, "check": check, "deb": deb}


def require_python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file must say so itself
        sys.exit(f"deshimmer needs Python 3.11 or newer; this is {platform.python_version()}.")


def set_up(extras: set[str]) -> None:
    """Make the virtual environment hold this checkout and at least these extras; quick when it already does."""
    installed = read_stamp()
    if installed is not None and extras <= installed:
        return
    extras = extras | (installed or set())
    if not (BIN / python_name()).exists():
        require_venv()
        say("making a virtual environment in .venv")
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    if "ai" in extras:
        say("installing torch (a large download)")
        pip("install", *CONSTRAINTS.read_text().split())
    say("installing deshimmer and what it needs")
    target = str(ROOT) + (f"[{','.join(sorted(extras))}]" if extras else "")
    pip("install", "--constraint", str(CONSTRAINTS), "--editable", target)
    show_gi()
    STAMP.write_text(json.dumps({"fingerprint": fingerprint(), "extras": sorted(extras)}))


def pip(*arguments: str) -> None:
    command = [str(BIN / python_name()), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        sys.exit("Installing failed; the lines above say why. Check the network connection and the free disk space, then run this again.")


def read_stamp() -> set[str] | None:
    """The extras that are installed; None when nothing is, or when the checkout asks for other packages by now."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return None
    return set(stamp["extras"]) if stamp["fingerprint"] == fingerprint() else None


def fingerprint() -> str:
    parts = (sys.version, str(ROOT), (ROOT / "pyproject.toml").read_text(), CONSTRAINTS.read_text())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def require_venv() -> None:
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    remedy = next((line for tool, line in INSTALL_VENV if shutil.which(tool)), "install Python's venv and ensurepip modules")
    sys.exit(f"Python's venv module is missing. Install it with:\n\n    {remedy}\n\nthen run this again.")


INSTALL_VENV = (
    ("apt-get", "sudo apt-get install -y python3-venv"),
    ("dnf", "sudo dnf install -y python3-pip"),
    ("zypper", "sudo zypper install -y python3-pip"),
)


def show_gi() -> None:
    """Let .venv see the system's ``gi``, by which the tray has GTK's own menus on X panels; it works without.

    A link to this one package, and only where this very Python can load it: --system-site-packages would let in all of the system's,
    and a pip of ours would then take old ones for good.
    """
    link = VENV / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages" / "gi"
    if not sys.platform.startswith("linux") or link.exists():
        return
    link.unlink(missing_ok=True)  # it led to one that is gone
    found = next((folder for folder in GI if any(folder.glob(f"_gi.cpython-{sys.version_info.major}{sys.version_info.minor}-*.so"))), None)
    if found is not None:
        link.symlink_to(found)
        if subprocess.run([str(BIN / python_name()), "-c", "import gi"], capture_output=True).returncode != 0:
            link.unlink()
    elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        remedy = next((line for tool, line in INSTALL_GI if shutil.which(tool)), "install PyGObject and GTK 3")
        say(f"optional, for the desktop's own menus on X panels: {remedy}; then 'rm -r .venv' and run this again")


GI = (
    Path("/usr/lib/python3/dist-packages/gi"),
    Path(f"/usr/lib64/python{sys.version_info.major}.{sys.version_info.minor}/site-packages/gi"),
)

INSTALL_GI = (
    ("apt-get", "sudo apt-get install -y python3-gi gir1.2-gtk-3.0 gir1.2-ayatanaappindicator3-0.1"),
    ("dnf", "sudo dnf install -y python3-gobject gtk3 libayatana-appindicator-gtk3"),
)


def has_gpu() -> bool:
    """An NVIDIA GPU or Apple silicon, for which the large AI packages are worth their download."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return bool(shutil.which("nvidia-smi")) and subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0


def call(command: Sequence[str | Path]) -> int:
    try:
        return subprocess.run([str(part) for part in command]).returncode
    except KeyboardInterrupt:
        return 130


def python_name() -> str:
    return "python.exe" if os.name == "nt" else "python"


def say(what: str) -> None:
    print(f"deshimmer: {what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
