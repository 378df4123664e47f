"""The picture of the page: `python -m docs.page_picture` starts the service, asks it about its example patient, and looks."""

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from docs.generate import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURE = ROOT / "docs" / "pictures" / "page.png"
WIDTH, HEIGHT = 1280, 1200
LARGEST_BYTES = 150_000
# of letters, lines and two colours: more would be noise of the letters' edges
COLOURS = 96


def picture_of(browser: "Browser", address: str) -> bytes:
    """A PNG of the page with the study's example patient and the answer, in English and in the light theme."""
    from PIL import Image  # noqa: PLC0415  only for who makes the picture

    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", locale="en-GB")
    page = context.new_page()
    page.goto(f"{address}?example")
    page.click("button.primary")
    page.wait_for_selector(".headline")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.wait_for_function("() => scrollY === 0")
    taken = page.screenshot()
    context.close()
    small = io.BytesIO()
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS).save(small, "PNG", optimize=True)
    return small.getvalue()


@contextmanager
def _served() -> Iterator[str]:
    """The address of a server with the model that ships, on this machine, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "acrcast.cli", "serve", "--port", "0"]
        environment = os.environ | {"ACRCAST_STATE": state, "ACRCAST_UNREADY_SECONDS": "0"}
        process = subprocess.Popen(  # noqa: S603  our own command
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        try:
            assert process.stdout is not None  # noqa: S101  it was asked for
            yield process.stdout.readline().split()[2]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            if process.stdout is not None:
                process.stdout.close()


def main() -> int:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  only for who makes the picture

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        print("needs Chromium, which this machine does not have", file=sys.stderr)
        return 1
    with _served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        picture = picture_of(browser, address)
        browser.close()
    PICTURE.write_bytes(picture)
    print(f"wrote {PICTURE.relative_to(ROOT)}, {len(picture) // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
