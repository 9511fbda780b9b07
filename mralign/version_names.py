"""Versions as the command line names them: by name or by number."""


def name_or_number(name: str) -> str | int:
    """The number that a short text of digits is, else the text."""
    short = len(name) < 10  # no row has a longer number
    return int(name) if short and name.isascii() and name.isdigit() else name
