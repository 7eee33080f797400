"""The settings page: what does not fit is said beside its field and changes nothing; what fits is in the file, comments kept."""

from __future__ import annotations

import re
from pathlib import Path

from pagedesk import PageDesk
from playwright.sync_api import expect

from deshimmer.config import paths


def test_a_bad_value_is_told_beside_its_field_and_the_file_stays(page_desk: PageDesk) -> None:
    file = paths.settings_file()
    former = file.read_bytes()
    page = page_desk.open("/settings")
    page.fill("#intake-quiet_s", "soon")
    page.fill("#repair-strength", "3")
    page.fill("#hot_folders-0-path", "Renders")
    page.click("#save")
    for field, words in (
        ("intake-quiet_s", "Give a number"),
        ("repair-strength", "less than or equal to 2"),
        ("hot_folders-0-path", "whole path"),
    ):
        expect(page.locator(f"#{field}-error")).to_contain_text(words)
        expect(page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#settings-error")).to_have_text("Nothing was saved: 3 values do not fit.")
    expect(page.locator("#settings-error")).to_be_focused()
    expect(page.locator("#intake-quiet_s")).to_have_value("soon")
    assert file.read_bytes() == former


def test_a_good_value_is_written_and_comments_stay(page_desk: PageDesk) -> None:
    file = paths.settings_file()
    page = page_desk.open("/settings")
    page.fill("#intake-quiet_s", "0.4")
    page.fill("#repair-strength", "0.8")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    text = file.read_text()
    assert "# Mine." in text
    assert "# the renders" in text
    assert "# the shares are quick here\nquiet_s = 0.4" in text
    assert "strength = 0.8" in text
    assert "incomplete_s" not in text  # what was not touched is not written
    assert page_desk.daemon.settings.repair.strength == 0.8
    page.fill("#repair-strength", "")
    page.click("#save")
    expect(page.locator("#repair-strength")).to_have_value("1")
    assert "strength" not in file.read_text()


def test_hot_folders_come_and_go(page_desk: PageDesk, tmp_path: Path) -> None:
    (tmp_path / "More").mkdir()
    page = page_desk.open("/settings")
    page.click("#add-hot-folder")
    expect(page.locator("#hot_folders-1-path")).to_be_focused()
    page.keyboard.type(str(tmp_path / "More"))
    page.click("#hot-folder-1 summary")
    page.uncheck("#hot_folders-1-comparison")
    page.fill("#hot_folders-1-ignore", "draft_*\nold/*")
    page.click("#save")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    added = page_desk.daemon.hot_folders()[1]
    assert (added.path, added.comparison, added.ignore) == (tmp_path / "More", False, ("draft_*", "old/*"))
    page.click("#hot-folder-0 >> text=Remove")
    page.click("#save")
    expect(page.locator("#hot_folders-0-path")).to_have_value(str(tmp_path / "More"))
    assert [folder.path for folder in page_desk.daemon.hot_folders()] == [tmp_path / "More"]
    assert "# Mine." in paths.settings_file().read_text()


def test_a_file_that_was_edited_meanwhile_is_not_overwritten(page_desk: PageDesk) -> None:
    file = paths.settings_file()
    page = page_desk.open("/settings")
    file.write_text(file.read_text().replace("quiet_s = 0.1", "quiet_s = 0.2"))
    page.fill("#repair-strength", "0.8")
    page.click("#save")
    expect(page.locator("#settings-error")).to_contain_text("The file has changed")
    assert re.search(r"quiet_s = 0\.2", file.read_text())
    assert "strength" not in file.read_text()


def test_what_is_not_saved_is_not_lost_by_a_slip(page_desk: PageDesk) -> None:
    page = page_desk.open("/settings")
    page.fill("#repair-strength", "0.8")
    asked: list[str] = []

    def stay(dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.click("text=Queue >> nth=0")
    page.wait_for_timeout(100)
    assert asked == ["beforeunload"]
    expect(page.locator("#repair-strength")).to_have_value("0.8")


def test_whether_clips_are_rendered_again_is_chosen_for_each_hot_folder(page_desk: PageDesk) -> None:
    page = page_desk.open("/settings")
    page.click("#hot-folder-0 summary")
    regenerate = page.get_by_label("Regenerate")
    expect(regenerate).to_have_value("ask")
    regenerate.select_option("never")
    page.click("#save")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    assert page_desk.daemon.hot_folders()[0].regenerate == "never"
    assert 'regenerate = "never"' in paths.settings_file().read_text()


def test_models_are_set_with_what_does_not_fit_said_in_place(page_desk: PageDesk, tmp_path: Path) -> None:
    former = paths.settings_file().read_bytes()
    page = page_desk.open("/settings")
    page.fill("#models-folders", f"{tmp_path}\nmodels/here")
    page.fill("#models-comfyui", "somewhere")
    page.click("#save")
    expect(page.locator("#models-folders-error")).to_contain_text("whole path")
    expect(page.locator("#models-comfyui-error")).to_contain_text("http://")
    page.fill("#models-folders", str(tmp_path))
    page.fill("#models-comfyui", "http://192.168.7.7:8188")
    page.click("#save")
    expect(page.locator("#models-error")).to_contain_text("only with models.comfyui_remote = true")
    assert paths.settings_file().read_bytes() == former
    page.fill("#models-comfyui", "http://127.0.0.1:8189")
    page.get_by_label("Allow download").check()
    page.click("#save")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    models = page_desk.daemon.settings.models
    assert (models.folders, models.comfyui, models.allow_download) == ((tmp_path,), "http://127.0.0.1:8189", True)


def test_a_folder_from_the_command_line_is_shown_and_stays_out_of_the_file(page_desk: PageDesk, tmp_path: Path) -> None:
    (tmp_path / "More").mkdir()
    page_desk.post("/hot_folders", path=str(tmp_path / "More"))
    page = page_desk.open("/settings")
    expect(page.locator("#given-hot-folders li")).to_have_text(
        re.compile(f"{re.escape(str(tmp_path / 'More'))}\\s+given on the command line")
    )
    page.fill("#repair-strength", "0.8")
    page.click("#save")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    expect(page.locator("#given-hot-folders li")).to_have_count(1)
    assert "More" not in paths.settings_file().read_text()
    assert len(page_desk.daemon.hot_folders()) == 2
