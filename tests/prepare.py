"""``python -m tests.prepare``: find a browser for the browser tests, or install one.

Looks for Chromium on the PATH first, then tries the system's packages (apt, where we are root),
then Playwright's own download. Where none can be had, says so: the browser tests then skip,
visibly.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """The path of a Chromium that tests can drive, or None."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    return _playwright_browser()


def _playwright_browser() -> str | None:
    """The Chromium that Playwright downloaded, where it did."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _install() -> None:
    """Try the ways to get a browser, best first; each may fail, the next is tried."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        attempts.insert(0, ["apt-get", "install", "-y", "-qq", "chromium"])
        attempts.insert(0, ["apt-get", "update", "-qq"])
    for command in attempts:
        print("tests.prepare:", " ".join(command), flush=True)
        answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
        if answer.returncode != 0:
            print(f"tests.prepare: that failed: {(answer.stderr or answer.stdout).strip()[-300:]}")
        if find_browser():
            return


def main() -> None:
    """Make a browser available and say which one it is."""
    if not find_browser():
        _install()
    found = find_browser()
    print(
        f"tests.prepare: browser tests use {found}"
        if found
        else "tests.prepare: no browser could be found or installed; the browser tests will skip"
    )


if __name__ == "__main__":
    main()
