"""Whether a form was sent from our own page: where it came from, and the token that it carries."""

import secrets
from urllib.parse import urlsplit

from starlette.requests import Request

from store.errors import NotPermitted

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN_FIELD = "csrf_token"


def require_same_origin(request: Request) -> None:
    """Refuse a form that another site sent.

    Browsers say where a form comes from; a client that says nothing is no browser, and holds
    no one's cookie but its own.

    Raises:
        NotPermitted: the form comes from elsewhere.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        raise NotPermitted("expected a form from this site, got one from elsewhere; open the page")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise NotPermitted("expected a form from this site, got one from elsewhere; open the page")


class StaleForm(NotPermitted):
    """A form of our own that an earlier session made; it is offered again for this one."""


def require_token(sent: str, expected: str) -> None:
    """Refuse a form without this session's token.

    Raises:
        StaleForm: the token is missing or another session's.
    """
    if not secrets.compare_digest(sent.encode(), expected.encode()):
        raise StaleForm(
            "expected the token of your session in the form, got another one; if you signed in "
            "meanwhile, send it again"
        )
