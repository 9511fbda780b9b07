"""Money, time and shares as pages say them."""

from collections.abc import Mapping

from webapp.showing.wording import DASH, count


def dollars(usd: float) -> str:
    """Money, to the hundredth of a cent where it is little."""
    return f"{usd:,.2f}" if usd >= 100 or not usd else f"{usd:.4f}"


def duration(seconds: float) -> str:
    """A time as people say it."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{count(whole // 3600)} h {whole % 3600 // 60:02} min"


def percent(figure: Mapping[str, float]) -> str:
    """A share in percent."""
    return f"{100 * figure['value']:.1f} %"


def proportion(figure: Mapping[str, float] | None) -> str:
    """A share in percent with its interval."""
    if figure is None:
        return DASH
    value, low, high = (100 * figure[name] for name in ("value", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"
