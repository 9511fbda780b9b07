"""Our own style sheets and modules: held in memory, small on the wire, kept by browsers where the
address names the content. A module comes with those it imports in front of it, as one file."""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parents[1] / "static"
KEPT = "public, max-age=31536000, immutable"
ASKED_FOR = "no-cache"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./(\w+\.js)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.M)


@dataclass(frozen=True)
class OwnFile:
    """A file as it is sent: plain, and packed for whoever takes that."""

    plain: bytes
    packed: bytes
    media_type: str
    tag: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """The file as it is on the disk now."""
        plain = joined(path).encode() if path.suffix == ".js" else path.read_bytes()
        digest = hashlib.sha256(plain).hexdigest()[:12]
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        packed = gzip.compress(plain, mtime=0)
        return cls(plain, packed, kind or "application/octet-stream", digest)


def joined(path: Path) -> str:
    """A module with all that it imports in front of it, each once.

    They share one scope: no two of them may give a name at their top level to different things.
    """
    texts: dict[Path, str] = {}

    def add(one: Path) -> None:
        text = texts[one] = one.read_text()
        for name in _IMPORT.findall(text):
            if (needed := one.parent / name) not in texts:
                add(needed)
        texts[one] = _EXPORT.sub("", _IMPORT.sub("", texts.pop(one)))

    add(path)
    return "\n".join(texts.values())


@cache
def own_files() -> dict[str, OwnFile]:
    """Every file by its name; read once a process."""
    return {path.name: OwnFile.read(path) for path in FOLDER.iterdir() if path.is_file()}


def static_url(name: str) -> str:
    """The address of a file of ours; it changes when the file does, so that it can be kept."""
    return f"/static/{name}?v={own_files()[name].tag}"


def drawing(name: str) -> Markup:
    """A picture of ours to stand in a page itself, where it need not be asked for."""
    return Markup(own_files()[name].plain.decode())


async def show_file(request: Request) -> Response:
    """A file: for ever where its address has a version, else asked for each time."""
    found = own_files().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    headers = {
        "Cache-Control": KEPT if "v" in request.query_params else ASKED_FOR,
        "ETag": f'"{found.tag}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.plain, headers=headers, media_type=found.media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(found.packed, headers=headers, media_type=found.media_type)
