"""The log page, and the reading of the log behind it."""

from __future__ import annotations

from pathlib import Path

from pagedesk import PageDesk
from playwright.sync_api import expect

from deshimmer.daemon.log_file import log_file
from deshimmer.daemon.page.log_tail import Line, since, tail

ENTRY = "2026-01-02 03:04:05,678 {level} deshimmer.daemon.{source}: {text}\n"


def entry(level: str, source: str, text: str) -> str:
    return ENTRY.format(level=level, source=source, text=text)


def test_lines_are_read_from_the_end_and_on(tmp_path: Path) -> None:
    file = tmp_path / "daemon.log"
    assert tail(file, 10) == ([], 0)
    file.write_text("".join(entry("INFO", "jobs", str(number)) for number in range(20)))
    read = tail(file, 3)
    assert [line.text for line in read.lines] == ["17", "18", "19"]
    assert read.lines[0] == Line("2026-01-02 03:04:05", "info", "daemon.jobs", "17")
    with file.open("a") as log:
        log.write(entry("ERROR", "jobs", "it failed") + "Traceback\n" + "half a li")
    more = since(file, read.end)
    assert [(line.level, line.text) for line in more.lines] == [("error", "it failed"), ("", "Traceback")]
    with file.open("a") as log:
        log.write("ne\n")
    assert [line.text for line in since(file, more.end).lines] == ["half a line"]
    file.write_text(entry("INFO", "app", "after the rotation"))
    assert [line.text for line in since(file, more.end).lines] == ["after the rotation"]


def test_the_page_follows_sifts_and_shows_markup_as_text(page_desk: PageDesk) -> None:
    log_file().write_text(
        entry("INFO", "jobs", "a quiet line") + entry("WARNING", "workers", "<b>died</b> twice") + "Traceback (most recent)\n"
    )
    page = page_desk.open("/log")
    lines = page.locator("#log-lines li:visible")
    expect(lines).to_have_count(3)
    expect(lines.nth(1)).to_contain_text("<b>died</b> twice")
    page.select_option("#log-level", "warning")
    expect(lines).to_have_count(2)
    with log_file().open("a") as log:
        log.write(entry("ERROR", "jobs", "newly come") + entry("INFO", "jobs", "not shown"))
    expect(page.locator("#log-lines li.error")).to_be_visible()
    expect(lines).to_have_count(3)
    page.fill("#log-text", "newly")
    expect(lines).to_have_count(1)
    page.fill("#log-text", "nothing like it")
    expect(page.get_by_text("No line fits.")).to_be_visible()
