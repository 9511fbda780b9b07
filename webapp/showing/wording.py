"""Numbers, moments and stored words as people write them."""

from datetime import datetime

DASH = "–"


def count(number: int | None) -> str:
    """A whole number with its thousands apart."""
    return DASH if number is None else f"{number:,}"


def decimal(number: float | None, places: int = 2) -> str:
    """A number with a fixed count of decimals."""
    return DASH if number is None else f"{number:.{places}f}"


def moment(time: datetime | None) -> str:
    """A moment in UTC, to the minute."""
    return DASH if time is None else f"{time:%Y-%m-%d %H:%M} UTC"


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units."""
    if seconds is None:
        return DASH
    seconds = max(seconds, 0.0)  # clocks of two machines may differ
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    for unit, size, lesser, small in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // small} {lesser}"
    return f"{whole // 60} min {whole % 60} s"


def words(name: str) -> str:
    """A stored word as people write it."""
    return name.replace("_", " ")
