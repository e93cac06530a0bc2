"""The built site, served on this machine, and a browser that notes what goes wrong."""

import http.server
import shutil
import threading
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site" / "html"


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def address():
    """Where the site is served."""
    if not (SITE / "index.html").is_file():
        pytest.exit("There is no site yet: make site", 1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")  # a system's own, or playwright's
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page of its own, whose list `faults` holds console errors, failed requests and errors of scripts."""
    context = browser.new_context()
    page = context.new_page()
    page.faults, page.received = [], {}
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("requestfailed", lambda request: page.faults.append(f"{request.url} failed"))
    page.on("response", lambda response: page.received.update({response.url: response}))
    yield page
    context.close()
