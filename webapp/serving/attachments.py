"""Files to be kept: a name that no header and no file system takes for anything else."""

from re import sub
from urllib.parse import quote

LONGEST_NAME = 120


def attachment(name: str) -> dict[str, str]:
    """The header that has a browser keep an answer under this name, whoever gave it."""
    plain = sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".-")[-LONGEST_NAME:] or "file"
    told = f'attachment; filename="{plain}"'
    if plain != name and "/" not in name and name.isprintable():
        told += f"; filename*=UTF-8''{quote(name[-LONGEST_NAME:], safe='')}"
    return {"Content-Disposition": told}
