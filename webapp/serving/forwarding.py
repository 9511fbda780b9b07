"""A form is answered with the page that it leads to, where the sender takes it at once.

A redirect costs a second journey, which one waits for on a slow line. Our script asks for the page
itself (`Prefer: return=representation`, RFC 7240), and `Content-Location` says which one came.
Whoever does not ask is redirected as ever.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFERENCE = "return=representation"
OF_THE_FORM = frozenset({b"content-type", b"content-length", b"prefer"})


class Forwarding:
    """Show the page behind a redirect to those who prefer it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and where it leads to a page, ask for that in its place."""
        if not _prefers_the_page(scope):
            await self.app(scope, receive, send)
            return
        address = ""

        async def held(message: Message) -> None:
            nonlocal address
            if message["type"] == "http.response.start":
                address = _leads_to(message)
            if not address:
                await send(message)

        # What routing writes into the scope is of the form's request alone.
        await self.app({**scope, "state": dict(scope.get("state", {}))}, receive, held)
        if address:
            await self._show(scope, address, receive, send)

    async def _show(self, scope: Scope, address: str, receive: Receive, send: Send) -> None:
        path, _, query = address.partition("?")
        asked = {
            **scope,
            "method": "GET",
            "path": path,
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": [pair for pair in scope["headers"] if pair[0] not in OF_THE_FORM],
        }

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Location"] = address
                headers["Preference-Applied"] = PREFERENCE
            await send(message)

        await self.app(asked, receive, told)


def _prefers_the_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    return PREFERENCE in Headers(scope=scope).get("prefer", "")


def _leads_to(message: Message) -> str:
    """The page of ours that a response redirects to; empty where it does not, or sets a cookie."""
    headers = Headers(raw=message["headers"])
    address = headers.get("location", "").partition("#")[0]
    ours = address.startswith("/") and not address.startswith("//") and "%" not in address
    if message["status"] != 303 or not ours or not address.isascii() or "set-cookie" in headers:
        return ""
    return address
