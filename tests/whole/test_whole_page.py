"""The page about a fleet, in a real browser: its numbers are the state's, and no name can steer it."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from anyio import to_thread
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from osfsync.app import known
from osfsync.app.gaps import gaps
from osfsync.app.page import page, report
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import StorageStatus
from osfsync.reports.concerns import Concern
from osfsync.reports.renderers.html import html
from osfsync.simulator.behaviour import STILL, Behaviour
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.world import World
from tests.browser import browser, complaints, open_page
from tests.hostile.corpus import NAMES
from tests.reports.test_reports_page import large_page

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DEAD = Behaviour(contact_every=None, files_per_day=0)


def fill(world: World, device: SimDevice, status: StorageStatus, days: range, **told: Any) -> None:
    """A recording of an hour on each of these days ago."""
    for day in days:
        world.add_file(device, f"{day:04}/{status.name}.osf", status, start=world.now - day * DAY, **told)


def make_fleet(world: World) -> None:
    """Three devices: one as it should be, one with a gap and files on it, one whose list can't be had."""
    fine = world.add_device("Fine", behaviour=STILL)
    truck = world.add_device("Truck 1", behaviour=STILL)
    sealed = world.add_device("Sealed", behaviour=DEAD, readable=False)
    world.advance(25 * DAY)
    fill(world, fine, StorageStatus.BOTH, range(1, 25))
    fill(world, truck, StorageStatus.BOTH, range(12, 25))
    fill(world, truck, StorageStatus.DEVICE_ONLY, range(11, 12))
    fill(world, truck, StorageStatus.REQUESTED, range(10, 11))
    fill(world, sealed, StorageStatus.SERVER_ONLY, range(3, 5))
    world.add_file(
        sealed, "broken.osf", StorageStatus.SERVER_ONLY, start=world.now - 2 * DAY, content=b"<html>"
    )


def rows(chrome: Chrome, table: str) -> list[list[str]]:
    """Texts of a table's rows."""
    script = (
        "return [...document.querySelectorAll(arguments[0])].map((r) => [...r.cells].map((c) => c.innerText))"
    )
    told: list[list[str]] = chrome.execute_script(script, f"#{table} tbody tr")
    return told


async def written(mirror: Any, tmp_path: Path) -> Path:
    target = tmp_path / "report.html"
    await report(mirror.settings, target, "1.0", clock=lambda: mirror.world.now)
    return target


def text_of(chrome: Chrome, selector: str) -> str:
    return chrome.find_element(By.CSS_SELECTOR, selector).text


async def test_the_page_tells_what_the_state_knows(
    mirror_of: MirrorOf, empty_world: World, tmp_path: Path
) -> None:
    make_fleet(empty_world)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        target = await written(mirror, tmp_path)
        missing = await mirror.missing()
        status = await known.status(mirror.settings)
        devices = [row async for chunk in known.devices(mirror.settings) for row in chunk]
        found = [row async for chunk in gaps(mirror.settings, clock=lambda: empty_world.now) for row in chunk]

    def look() -> None:
        with browser() as chrome:
            open_page(chrome, target)
            reasons = Counter(row.reason for row in missing.values())
            shown = chrome.execute_script(
                "return [...document.querySelectorAll('#reasons tr')]"
                ".map((row) => [row.dataset.reason, row.cells[1].innerText])"
            )
            assert {slug: int(number) for slug, number in shown} == dict(reasons)
            assert text_of(chrome, "#missing-title") == f"Missing files ({len(missing)})"
            assert {(row[0], row[1], row[5], row[6]) for row in rows(chrome, "files")} == {
                (row.device, row.name, row.explanation, row.next_action) for row in missing.values()
            }
            assert text_of(chrome, "#share-told").startswith(
                f"{status.held} of {status.held + len(missing)} known files are held."
            )
            share = 100 * status.held / (status.held + len(missing))
            assert float(text_of(chrome, "#share").rstrip(" %")) == pytest.approx(share, abs=0.1)
            assert {(row[0], row[1], row[3]) for row in rows(chrome, "devices")} == {
                (
                    row.device,
                    str(row.held),
                    str(sum(each.device == row.device for each in missing.values())),
                )
                for row in devices
            }
            assert [(row[0], row[2]) for row in rows(chrome, "gaps")] == [("Truck 1", "still")]
            assert [(row.device, row.open) for row in found] == [("Truck 1", True)]
            assert text_of(chrome, "#attention-title") == "2 of 3 devices need attention"
            named = [each.text for each in chrome.find_elements(By.CSS_SELECTOR, "#concerns button")]
            assert named == ["Sealed", "Truck 1"]
            sums = "files can't be fetched: 1 · in contact without files: 1 · can't be seen fully: 1"
            assert text_of(chrome, "#concern-sums") == sums
            kinds = "return ['kinds', 'concern'].map((word) => Object.keys(WORDS.en[word]))"
            assert chrome.execute_script(kinds) == [[each.value for each in Concern]] * 2
            (run,) = rows(chrome, "runs")
            assert (run[0], run[3], run[4]) == ("sync", "partial (3)", str(status.held))
            assert complaints(chrome) == []
            assert chrome.execute_script("return performance.getEntriesByType('resource').length") == 0

    await to_thread.run_sync(look)


async def test_each_cell_of_the_heat_map_is_that_day_of_that_device(
    mirror_of: MirrorOf, empty_world: World, tmp_path: Path
) -> None:
    make_fleet(empty_world)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        target = await written(mirror, tmp_path)
    today = empty_world.now.date()

    def look() -> None:
        with browser() as chrome:
            open_page(chrome, target)
            heat = chrome.find_element(By.ID, "heat")
            chrome.execute_script("arguments[0].focus()", heat)
            seen: dict[tuple[str, str], str] = {}
            for _line in range(3):
                heat.send_keys(Keys.END)
                for _day in range(25):
                    who, _, told = text_of(chrome, "#heat-told").partition(": ")
                    device, _, day = who.rpartition(", ")
                    seen[device, day] = told
                    heat.send_keys(Keys.ARROW_LEFT)
                heat.send_keys(Keys.ARROW_DOWN)

            def on(device: str, days_ago: int) -> str:
                return seen[device, (today - days_ago * DAY).isoformat()]

            assert on("Fine", 3) == "1 held"
            assert on("Truck 1", 12) == "1 held"
            assert on("Truck 1", 11) == "1 ordered from the device"
            assert on("Truck 1", 10) == "1 ordered from the device"
            assert on("Truck 1", 5) == "gap: in contact, but no file is known"
            assert on("Sealed", 3) == "1 held"
            assert on("Sealed", 2) == "1 on the server, not fetched yet"
            assert on("Sealed", 10) == "no information"

    await to_thread.run_sync(look)


async def test_missing_files_are_searched_filtered_and_sorted(
    mirror_of: MirrorOf, empty_world: World, tmp_path: Path
) -> None:
    truck = empty_world.add_device("Truck 1", behaviour=DEAD)
    van = empty_world.add_device("Van", behaviour=DEAD)
    fill(empty_world, truck, StorageStatus.DEVICE_ONLY, range(1, 251))
    fill(empty_world, van, StorageStatus.REQUESTED, range(1, 4))
    async with mirror_of(empty_world) as mirror:
        mirror.change("select", lookback=300 * DAY)
        await mirror.sync()
        target = await written(mirror, tmp_path)

    def look() -> None:
        with browser() as chrome:
            open_page(chrome, target)
            assert len(rows(chrome, "files")) == 100
            chrome.find_element(By.ID, "after").click()
            chrome.find_element(By.ID, "after").click()
            assert len(rows(chrome, "files")) == 53
            assert not chrome.find_element(By.ID, "after").is_enabled()
            Select(chrome.find_element(By.ID, "device")).select_by_visible_text("Van")
            assert [row[1] for row in rows(chrome, "files")] == [
                f"{day:04}/REQUESTED.osf" for day in (1, 2, 3)
            ]
            chrome.find_element(By.XPATH, "//table[@id='files']//button[contains(., 'Recorded')]").click()
            assert [row[1][:4] for row in rows(chrome, "files")] == ["0003", "0002", "0001"]
            chrome.find_element(By.XPATH, "//table[@id='files']//button[contains(., 'Recorded')]").click()
            assert [row[1][:4] for row in rows(chrome, "files")] == ["0001", "0002", "0003"]
            chrome.find_element(By.ID, "clear").click()
            chrome.find_element(By.ID, "search").send_keys("0123/device")
            assert [row[1] for row in rows(chrome, "files")] == ["0123/DEVICE_ONLY.osf"]
            assert text_of(chrome, "#missing-count") == "1 of 253 files"

    await to_thread.run_sync(look)


async def test_everything_is_told_in_german_as_well(
    mirror_of: MirrorOf, empty_world: World, tmp_path: Path
) -> None:
    make_fleet(empty_world)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        target = await written(mirror, tmp_path)

    def look() -> None:
        with browser() as chrome:
            open_page(chrome, target)
            keys = """
                const keys = (value) => typeof value === "object" && !Array.isArray(value)
                    ? Object.entries(value).flatMap(([k, v]) => keys(v).map((more) => `${k}.${more}`))
                    : [typeof value];
                return ["en", "de"].map((language) => keys(WORDS[language]));
            """
            english, german = chrome.execute_script(keys)
            assert english == german
            chrome.find_element(By.ID, "language").click()
            assert chrome.find_element(By.TAG_NAME, "html").get_attribute("lang") == "de"
            assert text_of(chrome, "#attention-title") == "2 von 3 Geräten brauchen Aufmerksamkeit"
            assert text_of(chrome, "#coverage-title") == "Welche Tage abgedeckt sind"
            why, following = zip(*((row[5], row[6]) for row in rows(chrome, "files")), strict=True)
            assert any(text.startswith("Sie wurde beim Gerät einmal bestellt, am ") for text in why)
            assert any(text.startswith("Erneut bestellt nach ") for text in following)
            (order,) = rows(chrome, "orders")
            assert order[5:] == ["gesendet", "Seither wurde kein Kontakt des Geräts gesehen."]
            assert [run[3] for run in rows(chrome, "runs")] == ["teilweise (3)"]
            assert complaints(chrome) == []
        with browser("--accept-lang=de-DE") as chrome:
            open_page(chrome, target)
            assert chrome.find_element(By.TAG_NAME, "html").get_attribute("lang") == "de"

    await to_thread.run_sync(look)


async def test_no_name_can_steer_the_page(mirror_of: MirrorOf, empty_world: World, tmp_path: Path) -> None:
    names = [name for name in NAMES if name]
    device = empty_world.add_device("<img src=x onerror=alert(1)>", behaviour=DEAD)
    empty_world.add_device("</script><script>document.title='taken'</script>", behaviour=DEAD)
    for name in names:
        empty_world.add_file(device, name, StorageStatus.REQUESTED)
    async with mirror_of(empty_world) as mirror:
        mirror.change("select", files=("*",))
        await mirror.sync()
        target = await written(mirror, tmp_path)
        missing = await mirror.missing()

    def look() -> None:
        with browser() as chrome:
            open_page(chrome, target)
            assert len(missing) > len(names) / 2
            assert text_of(chrome, "#missing-title") == f"Missing files ({len(missing)})"
            assert chrome.title == "osfsync"
            for kind, number in {"img": 0, "iframe": 0, "svg": 1, "script": 2, "a": 0, "form": 0}.items():
                assert len(chrome.find_elements(By.TAG_NAME, kind)) == number, kind
            assert complaints(chrome) == []

    await to_thread.run_sync(look)


async def test_a_page_is_not_written_where_something_else_lies(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    empty_world.add_device("Truck 1")
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        inside = mirror.settings.archive.path / "report.html"
        with pytest.raises(ConfigError, match="lies in the archive"):
            await report(mirror.settings, inside, "1.0")
        assert not inside.exists()


async def test_a_page_without_anything(mirror_of: MirrorOf, empty_world: World, tmp_path: Path) -> None:
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        told = await page(mirror.settings, "1.0", clock=lambda: empty_world.now)
        target = await written(mirror, tmp_path)
    assert told.devices == ()

    def look() -> None:
        with browser() as chrome:
            open_page(chrome, target)
            assert text_of(chrome, "#share-told").startswith("No file is known yet.")
            assert text_of(chrome, "#attention-title") == "None of 0 devices needs attention"
            assert complaints(chrome) == []

    await to_thread.run_sync(look)


async def test_of_a_very_large_fleet_those_that_need_attention_are_drawn(tmp_path: Path) -> None:
    model = large_page(Random(1))
    model = replace(model, devices=tuple(model.devices * 6))
    target = tmp_path / "report.html"
    target.write_bytes(await to_thread.run_sync(html, model))

    def look() -> None:
        with browser() as chrome:
            open_page(chrome, target)
            assert text_of(chrome, "#heat-first").startswith("The first 1,000 of 1,200 devices")
            lines = chrome.execute_script("return [heat.rows.length, byId('heat').height]")
            assert lines == [1_000, 18 + 14 * 1_000 + 2]
            assert len(rows(chrome, "devices")) == 1_200
            assert complaints(chrome) == []

    await to_thread.run_sync(look)


async def test_a_large_fleet_s_page_is_usable(tmp_path: Path) -> None:
    """200 devices, a year, 50,000 missing files."""
    target = tmp_path / "report.html"
    target.write_bytes(await to_thread.run_sync(lambda: html(large_page(Random(1)))))

    def look() -> None:
        with browser() as chrome:
            open_page(chrome, target)
            assert text_of(chrome, "#missing-count") == "50,000 of 50,000 files"
            Select(chrome.find_element(By.ID, "device")).select_by_visible_text("Rail Milling Train 007")
            assert text_of(chrome, "#missing-count") == "250 of 50,000 files"
            recorded = [row[2] for row in rows(chrome, "files")]
            assert recorded == sorted(recorded)
            assert all(row[1].startswith(row[2][:10].replace("-", "")) for row in rows(chrome, "files"))
            Select(chrome.find_element(By.ID, "span")).select_by_value("365")
            assert complaints(chrome) == []

    await to_thread.run_sync(look)


async def test_two_devices_of_one_name_are_told_apart(
    mirror_of: MirrorOf, empty_world: World, tmp_path: Path
) -> None:
    twins = [empty_world.add_device("Bench", behaviour=DEAD, readable=False) for _ in range(2)]
    for twin in twins:
        empty_world.add_file(twin, "a.osf", StorageStatus.SERVER_ONLY, content=b"<html>")
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        target = await written(mirror, tmp_path)

    def look() -> None:
        with browser() as chrome:
            open_page(chrome, target)
            names = {f"Bench ({twin.id[:8]})" for twin in twins}
            assert {row[0] for row in rows(chrome, "files")} == names
            assert {row[0] for row in rows(chrome, "devices")} == names
            assert {each.text for each in chrome.find_elements(By.CSS_SELECTOR, "#concerns button")} == names
            assert {each.text for each in Select(chrome.find_element(By.ID, "device")).options} == {
                "all",
                *names,
            }

    await to_thread.run_sync(look)


async def test_on_a_narrow_screen_nothing_is_cut_off(
    mirror_of: MirrorOf, empty_world: World, tmp_path: Path
) -> None:
    make_fleet(empty_world)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        target = await written(mirror, tmp_path)

    def look() -> None:
        with browser("--window-size=500,900") as chrome:
            open_page(chrome, target)
            cells = chrome.find_elements(By.CSS_SELECTOR, "#files td")
            assert len(cells) > 8
            room = chrome.execute_script("return innerWidth")
            assert all(cell.rect["x"] + cell.rect["width"] <= room for cell in cells)
            frame = chrome.find_element(By.ID, "heat-frame")
            hidden = "return arguments[0].scrollWidth - arguments[0].clientWidth - arguments[0].scrollLeft"
            assert chrome.execute_script(hidden, frame) <= 1
            assert Select(chrome.find_element(By.ID, "span")).first_selected_option.text == "30"

    await to_thread.run_sync(look)
