"""A headless Chromium that is spoken to through a pipe, and listens to nothing that is not asked.

A driver of tests hears of every request and answer of a page, and its hearing takes the page's
processors: a quarter of a cold load on two cores. What is timed from the inside is opened here.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from benchmarks.browser import ARGUMENTS

READS, WRITES = 3, 4  # the descriptors that the browser is told on and answers on
FREE = 10  # the first descriptor that nobody else counts on


class Devtools:
    """The browser's own protocol: a command and its result, and the events between.

    Raises:
        RuntimeError: the browser refuses a command, or went away.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._numbers, self._rest, self._events = count(1), b"", list[dict[str, Any]]()

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command, to a page where its session is given, and wait for the result."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        command |= {"sessionId": session} if session else {}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._read()).get("id") != number:
            self._events.append(message)
        if "error" in message:
            raise RuntimeError(f"expected {method} to be obeyed, got {message['error']}")
        return dict(message["result"])

    def wait(self, event: str, session: str) -> None:
        """Wait for an event of a page."""
        while not any(self._is(event, session, message) for message in self._events):
            self._events.append(self._read())
        self._events.clear()

    @staticmethod
    def _is(event: str, session: str, message: dict[str, Any]) -> bool:
        return message.get("method") == event and message.get("sessionId") == session

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._answers, 1 << 16)
            if not more:
                raise RuntimeError("expected the browser to answer, but it went away")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def devtools() -> Iterator[Devtools]:
    """A browser."""
    (told, commands), (answers, answered) = os.pipe(), os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD, FREE) for end in (told, answered)]

    def connect() -> None:
        for end, place in zip(ends, (READS, WRITES), strict=True):
            os.dup2(end, place)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [shutil.which("chromium") or "chromium", *ARGUMENTS, "--remote-debugging-pipe",
                   f"--user-data-dir={folder}"]  # fmt: skip
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(
            command, preexec_fn=connect, close_fds=False, stdout=quiet, stderr=quiet
        )
        for end in (told, answered, *ends):
            os.close(end)
        try:
            yield Devtools(commands, answers)
        finally:
            process.terminate()
            process.wait()
            for end in (commands, answers):
                os.close(end)


@contextmanager
def fresh_page(
    browser: Devtools, address: str, cookie: str, script: str, size: tuple[int, int]
) -> Iterator[str]:
    """A page of a context that has kept nothing but this cookie; the script runs before its own.

    Shapes: `size` is width and height in pixels.
    """
    name, _, value = cookie.partition("=")
    context = browser.call("Target.createBrowserContext")["browserContextId"]
    kept = [{"name": name, "value": value, "url": address}]
    browser.call("Storage.setCookies", browserContextId=context, cookies=kept)
    target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)
    session = browser.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    page = str(session["sessionId"])
    browser.call("Page.enable", page)
    browser.call("Runtime.enable", page)
    screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.call("Emulation.setDeviceMetricsOverride", page, **screen)
    browser.call("Page.addScriptToEvaluateOnNewDocument", page, source=script)
    try:
        yield page
    finally:
        browser.call("Target.disposeBrowserContext", browserContextId=context)
