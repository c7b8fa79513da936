"""A real browser without a screen, and a server that says what it asked for."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_TIMEOUT_S = 60


def find_browser() -> str | None:
    """The path of Chromium, if this machine has it."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
    """Opens pages, each in a process and with a profile of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder

    def document(self, url: str) -> str:
        """The document as it is once it is loaded, and all that runs in it has run."""
        return self._run("--virtual-time-budget=2000", "--dump-dom", url)

    def screenshot(self, url: str, image: Path, width: int, height: int) -> None:
        """A picture of the page in a window of this size, in pixels."""
        self._run(f"--window-size={width},{height}", "--hide-scrollbars", f"--screenshot={image}", url)

    def _run(self, *args: str) -> str:
        # As root, which CI may be, there is no sandbox.
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={self._folder}")
        command = [self._program, *options, *args]
        return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True).stdout


@contextmanager
def serving(page: str) -> Iterator[tuple[str, list[str]]]:
    """Serve a page at any path; yields its address, and the paths that are asked for as they come."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/page", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
