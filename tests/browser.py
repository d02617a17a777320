"""Headless Chromium, told what to do through two pipes: Chromium's own protocol, one JSON message after the other.

https://chromedevtools.github.io/devtools-protocol names the methods and events.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
# Chromium listens on descriptor 3 and answers on 4; a process of its own sets them, as a fork would end JAX's threads
CONNECTED = """
import os, sys
listens, answers = os.dup(int(sys.argv[1])), os.dup(int(sys.argv[2]))
os.dup2(listens, 3)
os.dup2(answers, 4)
os.set_inheritable(3, True)  # dup2 leaves as it is what lies there already
os.set_inheritable(4, True)
os.execv(sys.argv[3], sys.argv[3:])
"""
PATIENCE = 120.0
KEYS = {"Tab": 9, "Enter": 13, " ": 32}


class Browser:
    """One page of a Chromium; what it reports while it works is kept in `events`."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._buffer, self._last = write, read, b"", 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method and wait for its answer."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._read, 1 << 16) if ready else b""
            assert chunk, "the browser has gone silent"
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def look(self, width: int, scheme: str, height: int = 900) -> None:
        """A screen so many pixels wide that prefers this colour scheme."""
        self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, page: Path, drawn: str) -> None:
        """Open a file anew, and wait until an expression of JavaScript holds."""
        self.events.clear()
        self.do("Page.navigate", url=page.as_uri())
        deadline = time.monotonic() + PATIENCE
        while not self.run(drawn):
            assert time.monotonic() < deadline, f"{page.name} is not drawn: {self.complaints}"
            time.sleep(0.05)

    def run(self, expression: str) -> Any:
        """The value of an expression of JavaScript on the page; promises are waited for."""
        found = self.do("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """A key, down and up."""
        text = {"text": "\r" if key == "Enter" else key} if key != "Tab" else {}
        common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key]}
        self.do("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.do("Input.dispatchKeyEvent", type="keyUp", **common)

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        size = self.do("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.do("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(b64decode(shot["data"]))

    @property
    def requests(self) -> list[str]:
        """What was loaded, the page itself and what it holds in itself left out."""
        sent = (e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent")
        return [url for url in sent if not url.startswith(("file:", "data:", "blob:"))]

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and exceptions."""
        found = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(str(parameters["exceptionDetails"]))
            elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
                found.append(str(parameters["args"]))
            elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                found.append(parameters["entry"]["text"])
        return found


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A Chromium of its own, ended afterwards."""
    from_us, to_them = os.pipe()
    from_them, to_us = os.pipe()

    ends = (from_us, to_us)
    command = [sys.executable, "-c", CONNECTED, *map(str, ends), str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(command, pass_fds=ends, stderr=subprocess.DEVNULL)
    os.close(from_us)
    os.close(to_us)
    try:
        yield Browser(to_them, from_them)
    finally:
        os.close(to_them)
        os.close(from_them)
        process.terminate()
        process.wait(timeout=PATIENCE)
