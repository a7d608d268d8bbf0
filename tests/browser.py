"""A real browser, where one is installed: headless, with a new empty profile and no network of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import skip_unless_all_is_required

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, and open nothing but their own pages
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1400,1000",
)


@contextmanager
def browser(*arguments: str) -> Iterator[Chrome]:
    """A browser that is closed at the end; skips the test where Chromium or its driver is missing."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        skip_unless_all_is_required("chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = ChromeOptions()
    options.binary_location = program or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        for argument in (*_ARGUMENTS, f"--user-data-dir={profile}", *arguments):
            options.add_argument(argument)
        chrome = Chrome(options, Service(driver))
        try:
            yield chrome
        finally:
            chrome.quit()


def open_page(chrome: Chrome, page: Path) -> None:
    """Open a page from disk, and wait until its script has shown everything."""
    chrome.get(page.resolve().as_uri())
    WebDriverWait(chrome, 30).until(lambda seen: seen.execute_script("return document.body.dataset.ready"))


def complaints(chrome: Chrome) -> list[str]:
    """What the browser's console tells of the page: errors, and what its policy refused."""
    log: list[dict[str, str]] = chrome.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own
    return [entry["message"] for entry in log]
