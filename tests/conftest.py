"""A real browser, for what is made to be looked at in one."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; `make test` installs Debian's where it may."""
    if CHROMIUM is None:
        pytest.skip("needs chromium or google-chrome on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM)
        yield running
        running.close()


@pytest.fixture
def open_page(browser):
    """Opens a file in a window; what the browser `said` and `asked` for is kept."""
    windows = []

    def open_page(path: Path) -> SimpleNamespace:
        windows.append(browser.new_page(viewport={"width": 1280, "height": 900}))
        said, asked = [], []
        windows[-1].on("console", lambda message: said.append(message.text))
        windows[-1].on("pageerror", lambda error: said.append(str(error)))
        windows[-1].on("request", lambda request: asked.append(request.url))
        windows[-1].goto(path.as_uri())
        return SimpleNamespace(window=windows[-1], said=said, asked=asked)

    yield open_page
    for window in windows:
        window.close()
