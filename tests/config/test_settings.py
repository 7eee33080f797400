from __future__ import annotations

from pathlib import Path

import pytest

from deshimmer.config.errors import SettingsError
from deshimmer.config.settings import load_settings


def test_explicit_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "deshimmer.toml"
    file.write_text("[queue]\ncpu_jobs = 2\n[repair]\nstrength = 0.5\n[intake]\nquiet_s = 3\n")
    environment = {"DESHIMMER_QUEUE__CPU_JOBS": "3", "DESHIMMER_REPAIR__STRENGTH": "0.75"}
    settings = load_settings(file, ["queue.cpu_jobs=4"], environment)
    assert (settings.queue.cpu_jobs, settings.repair.strength, settings.intake.quiet_s) == (4, 0.75, 3)
    assert settings.disk.reserve_gb == 2.0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[queue]\ncpu_job = 1\n", "queue.cpu_job"),
        ("[intake]\nquiet_s = 'soon'\n", "intake.quiet_s"),
        ("nonsense = 1\n", "nonsense"),
        ("[[hot_folders]]\noutput = 'x'\n", "hot_folders.0.path"),
        ("[models]\ninterpolator = 'dain'\n", "models.interpolator"),
        ("[models]\nrife = 'flownet.pkl'\n", "models.rife"),
        ("[models]\nrife_ncnn = 'rife-v2.3'\n", "models.rife_ncnn"),
        ("[models]\ninterpolator = 'film'\n", "models"),
    ],
)
def test_a_wrong_key_or_value_names_key_and_file(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "deshimmer.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=f"'{named}'") as caught:
        load_settings(file, environment={})
    assert caught.value.path == str(file)
    assert str(file) in caught.value.message


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="DESHIMMER_QUEUE__CPU_JOBS"):
        load_settings(environment={"DESHIMMER_QUEUE__CPU_JOBS": "many"})


def test_a_named_file_must_exist_and_be_toml(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "absent.toml", environment={})
    broken = tmp_path / "broken.toml"
    broken.write_text("a = ")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(broken, environment={})


def test_set_takes_bare_words_and_toml_values() -> None:
    settings = load_settings(None, ["tools.ffmpeg=/opt/my ffmpeg", 'hot_folders=[{path="/x", existing="process"}]'], {})
    assert settings.tools.ffmpeg == "/opt/my ffmpeg"
    assert settings.hot_folders[0].existing == "process"
    with pytest.raises(SettingsError, match="key=value"):
        load_settings(None, ["queue.cpu_jobs"], {})


def test_film_is_chosen_together_with_its_path() -> None:
    settings = load_settings(None, ["models.interpolator=film", "models.film=/models/film_net_fp32.pt"], {})
    assert (settings.models.interpolator, settings.models.film) == ("film", Path("/models/film_net_fp32.pt"))
    with pytest.raises(SettingsError, match=r"models\.film"):
        load_settings(None, ["models.interpolator=film"], {})
