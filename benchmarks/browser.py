"""A headless Chromium, signed in, that tells what it was refused and whom it asked."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Error, sync_playwright

from benchmarks.seeding import PASSWORD

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# From the key to the frame after the page that it leads to is in place.
STOPWATCH = """
let pressed = null;
window.painted = [];
addEventListener("keydown", (event) => { pressed ??= event.timeStamp; }, true);
const onShown = () => requestAnimationFrame(() => {
  const after = new MessageChannel();
  after.port1.onmessage = () => {
    if (pressed !== null) window.painted.push(performance.now() - pressed);
    pressed = null;
    document.dispatchEvent(new Event("painted"));
  };
  after.port2.postMessage(0);
});
for (const shown of ["flow:ahead", "flow:shown"]) document.addEventListener(shown, onShown);
"""


@dataclass
class Tab:
    """A page of the browser; `presses` and `clicks` count what was done by hand."""

    page: Any
    address: str
    devtools: Any
    presses: int = 0
    clicks: int = 0
    refused: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    foreign_bytes: int = 0

    def open(self, path: str) -> None:
        """Load a page."""
        self.page.goto(self.address + path)

    def sign_in(self, name: str) -> None:
        """Sign in; this is not counted."""
        self.open("/sign-in")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.get_by_role("button", name="Sign out").wait_for()

    def press(self, *keys: str) -> None:
        """Press keys, and wait until what they lead to is there."""
        for key in keys:
            self.presses += 1
            self.page.keyboard.press(key)
            self.settle()

    def settle(self) -> None:
        """Wait until no page is on its way."""
        try:
            self.ask(until("!document.documentElement.hasAttribute('data-busy')", "flow:shown"))
        except Error:  # the whole page was left, and the question with it
            self.page.wait_for_load_state()

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page, which its content policy does not hear of."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self.devtools.send(
            "Runtime.evaluate", {**asked, "allowUnsafeEvalBlockedByCSP": True}
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the page could not tell: {expression}")
        return answer["result"].get("value")


def until(condition: str, event: str) -> str:
    """A promise that is kept once the condition holds, looked at after each such event.

    To look again and again would take the time of the page that is measured.
    """
    again = f"document.addEventListener('{event}', look, {{ once: true }})"
    look = f"const look = () => {condition} ? keep() : {again}"
    return f"new Promise((keep) => {{ {look}; look(); }})"


@contextmanager
def tab(address: str) -> Iterator[Tab]:
    """A browser with one tab.

    Raises:
        RuntimeError: there is no Chromium on this machine.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise RuntimeError("expected chromium on this machine, found none; install it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(STOPWATCH)
        page = context.new_page()
        opened = Tab(page, address, context.new_cdp_session(page))
        _listen(opened)
        yield opened
        browser.close()


def _listen(opened: Tab) -> None:
    def refuse(message: Any) -> None:
        if "Content Security Policy" in message.text or "Refused to" in message.text:
            opened.refused.append(message.text)

    def answer(response: Any) -> None:
        if not response.url.startswith((opened.address, "data:", "blob:")):
            opened.foreign.append(response.url)
            opened.foreign_bytes += len(response.body())

    def fail(request: Any) -> None:
        if not request.url.startswith((opened.address, "data:", "blob:")):
            opened.foreign.append(request.url)

    opened.page.on("console", refuse)
    opened.page.on("response", answer)
    opened.page.on("requestfailed", fail)
