"""The Debian package's own files; .ci/deb builds, installs, uses and removes the whole."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LINUX = Path(__file__).resolve().parents[2] / "installers" / "linux"


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="desktop-file-utils is not installed")
def test_the_desktop_entry_is_valid() -> None:
    done = subprocess.run(["desktop-file-validate", LINUX / "deshimmer.desktop"], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None or not Path("/usr/bin/python3").exists(), reason="this is no Debian")
def test_control_and_launcher_are_filled_in_as_dpkg_wants_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(LINUX))
    import deb

    stage = tmp_path / "stage"
    deb.make_environment(stage / deb.HOME)
    (stage / deb.HOME / "bin" / "activate").touch()
    deb.add_files(stage)
    package = tmp_path / "small.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", stage, package], check=True, capture_output=True)
    fields = subprocess.run(["dpkg-deb", "--field", package], check=True, capture_output=True, text=True).stdout
    minor = subprocess.run(["/usr/bin/python3", "-c", "import sys; print(sys.version_info.minor)"], capture_output=True, text=True).stdout
    assert f"Depends: python3 (>= 3.{int(minor)}), python3 (<< 3.{int(minor) + 1})" in fields
    assert "Package: deshimmer\n" in fields
    assert "${" not in fields
    assert (stage / "usr/bin/deshimmer").read_text().endswith('exec /opt/deshimmer/bin/python3 -P -m deshimmer.daemon "$@"\n')
    assert {path.name for path in (stage / deb.HOME / "bin").iterdir()} == {"python", "python3", f"python3.{int(minor)}"}
    asked = "import sys; print(sys.prefix, sys.flags.safe_path)"
    answer = subprocess.run([stage / deb.HOME / "bin/python3", "-P", "-c", asked], check=True, capture_output=True, text=True).stdout
    assert answer.split() == [str(stage / deb.HOME), "True"]
    sys.modules.pop("deb")
