"""Which language model a command asks, if any, and what it may spend there."""

from typing import TYPE_CHECKING, Annotated

import typer

from mralign.terminal import say
from store.errors import InvalidInput

if TYPE_CHECKING:
    from gateway.budget import Budget
    from gateway.settings import ModelSettings

BaseUrl = Annotated[
    str | None, typer.Option(help="An OpenAI-compatible endpoint; else OPENAI_BASE_URL.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no language model.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take only the first traces.")]
Resume = Annotated[
    int | None, typer.Option(min=1, help="Go on with this run, which was cut short.")
]
Concurrency = Annotated[int, typer.Option(min=1, max=256, help="Requests at once.")]
MaxUsd = Annotated[
    float | None, typer.Option(min=0.0, help="Stop before this is spent; needs the two prices.")
]
MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Stop before this many tokens are used.")
]
PriceIn = Annotated[float, typer.Option(min=0.0, help="USD for a million prompt tokens.")]
PriceOut = Annotated[float, typer.Option(min=0.0, help="USD for a million reply tokens.")]


def endpoint_settings(
    offline: bool, base_url: str | None, named_models: list[str | None]
) -> "ModelSettings | None":
    """The endpoint to ask, or None for the offline way, saying why where nobody chose it.

    Raises:
        InvalidInput: the options contradict each other, or a model is named and no endpoint is.
    """
    from gateway.settings import model_settings

    named = any(named_models)
    if offline and (base_url or named):
        raise InvalidInput("expected --offline or a model, got both; leave one of them out")
    if offline:
        return None
    settings = model_settings()
    if base_url:
        settings = settings.model_copy(update={"base_url": checked_url(base_url)})
    if settings.has_endpoint:
        return settings
    if named:
        raise InvalidInput("expected an endpoint: set OPENAI_API_KEY, or give --base-url, or both")
    say("No OPENAI_API_KEY or OPENAI_BASE_URL is set: working offline, without a language model.")
    return None


def checked_url(url: str) -> str:
    """The address, if it is one of the web.

    Raises:
        InvalidInput: it is not.
    """
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(f"expected an http or https address in --base-url, got {url[:100]!r}")
    return url


def spending_cap(
    max_usd: float | None, price_in: float, price_out: float, max_tokens: int | None = None
) -> "Budget":
    """The cap of a run.

    Raises:
        InvalidInput: a cap in USD without prices would never be reached.
    """
    from gateway.budget import Budget, Prices

    if max_usd is not None and not (price_in or price_out):
        raise InvalidInput(
            "expected --price-in and --price-out beside --max-usd: without prices nothing has a "
            "cost, and the cap would never be reached"
        )
    return Budget(max_tokens, max_usd, prices=Prices(price_in, price_out))
