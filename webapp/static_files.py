"""Our own style sheets and modules: kept by browsers where the address names the content."""

from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
KEPT = "public, max-age=31536000, immutable"
ASKED_FOR = "no-cache"


class OwnFiles(StaticFiles):
    """Files with a lifetime: for ever where the address has a version, else asked for each time."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or a 404."""
        response = await super().get_response(path, scope)
        versioned = scope.get("query_string", b"").startswith(b"v=")
        response.headers["Cache-Control"] = KEPT if versioned else ASKED_FOR
        return response
