"""`mralign models`: what is in force for each role, and where it comes from."""

from typing import Annotated

import typer

from mralign.endpoint import BaseUrl, ConfigFile, load_roles
from mralign.terminal import say, show_table

app = typer.Typer(
    help="Which language models are asked, and who said so.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def models() -> None:
    """Which language models are asked, and who said so."""


@app.command()
def show(
    role: Annotated[str | None, typer.Option(help="Show this role only.")] = None,
    config: ConfigFile = None,
    base_url: BaseUrl = None,
) -> None:
    """Show every role's model, address, limits and price, and where each value comes from.

    Keys are never shown: only the variable that a key is read from, and whether it is set.
    """
    from gateway.roles import SETTINGS, Role
    from gateway.settings import find_secret
    from store.errors import InvalidInput

    if role is not None and role not in tuple(Role):
        raise InvalidInput(f"expected one of {', '.join(Role)}, got {role[:100]!r}")
    roles = load_roles(config, {"base_url": base_url})
    for name, settings in roles.items():
        if role in (None, name):
            rows = [
                (each, shown(getattr(settings, each)), settings.sources.get(each, "built in"))
                for each in SETTINGS
            ]
            state = "set" if find_secret(settings.key_variable) else "not set"
            rows.insert(3, ("key", state, settings.key_variable))
            show_table(("setting", "value", "from"), rows, title=name)
            say("")


def shown(value: object) -> str:
    """A setting as the table shows it."""
    return "none" if value is None else str(value)
