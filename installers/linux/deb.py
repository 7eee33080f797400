"""Builds deshimmer as a Debian package: a whole Python environment in /opt/deshimmer, ready to run offline.

    python3 dev.py deb [FOLDER]      (writes FOLDER/deshimmer_<version>_<architecture>.deb; default: dist)

The environment stands on the distribution's python3, so the package fits the release it was built on. torch is not in it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOME = Path("opt/deshimmer")
PYTHON = "/usr/bin/python3"
FILES = {  # template -> its place in the package, and its mode
    "deshimmer": ("usr/bin/deshimmer", 0o755),
    "deshimmer.desktop": ("usr/share/applications/deshimmer.desktop", 0o644),
    "control": ("DEBIAN/control", 0o644),
    "copyright": ("usr/share/doc/deshimmer/copyright", 0o644),
}


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        stage = Path(scratch, "stage")
        python = make_environment(stage / HOME)
        install(python, Path(scratch, "source"))
        compile_all(stage, python)
        add_files(stage)
        package = folder / f"{name(stage)}.deb"
        run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z10", "--build", str(stage), str(package))
    print(f"{package}: {package.stat().st_size / 1e6:.0f} MB")  # noqa: T201
    return 0


def make_environment(home: Path) -> Path:
    run(PYTHON, "-m", "venv", "--without-pip", str(home))
    return home / "bin" / "python3"


def install(python: Path, source: Path) -> None:
    """From a copy: setuptools writes beside the sources. By the pip of this interpreter; the package carries none."""
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests", "docs"))
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-compile",
        "--disable-pip-version-check",
        str(source),
    )


def compile_all(stage: Path, python: Path) -> None:
    """Under the names that the files will have. Python then never writes into the folder, and removing it leaves nothing."""
    (lib,) = (stage / HOME).glob("lib/python*")
    run(str(python), "-m", "compileall", "-q", "-j", "0", "-s", str(stage), "-p", "/", "--invalidation-mode", "unchecked-hash", str(lib))


def add_files(stage: Path) -> None:
    for script in (stage / HOME / "bin").iterdir():  # they name the folder of the build
        if not script.name.startswith("python"):
            script.unlink()
    settings = stage / HOME / "pyvenv.cfg"  # from here on it sees the system's gi, which the tray can use
    settings.write_text("home = /usr/bin\ninclude-system-site-packages = true\n")
    for template, (place, mode) in FILES.items():
        target = stage / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template((HERE / template).read_text()).substitute(facts(stage)))
        target.chmod(mode)


def facts(stage: Path) -> dict[str, str]:
    (lib,) = (stage / HOME).glob("lib/python3.*")
    minor = int(lib.name.partition(".")[2])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        "version": project["version"],
        "description": project["description"],
        "architecture": output("dpkg", "--print-architecture"),
        "python_from": f"3.{minor}",
        "python_below": f"3.{minor + 1}",
        "size_kib": output("du", "-sk", str(stage)).split()[0],
        "home": f"/{HOME}",
        "licence": (ROOT / "LICENSE").read_text(),
    }


def name(stage: Path) -> str:
    return "deshimmer_{version}_{architecture}".format(**facts(stage))


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").resolve()))
