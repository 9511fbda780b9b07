"""`mralign models`: what is in force for each role, and where it comes from."""

from typing import TYPE_CHECKING, Annotated

import typer

from mralign.endpoint import BaseUrl, ConfigFile, load_roles
from mralign.terminal import say, show_table
from store.engine import get_engine
from store.errors import InvalidInput

if TYPE_CHECKING:
    from gateway.roles import Role, RoleSettings

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
    from gateway.roles import SETTINGS
    from gateway.settings import find_secret

    roles = load_roles(config, {"base_url": base_url})
    for name, settings in roles.items():
        if chosen(role) in (None, name):
            rows = [
                (each, shown(getattr(settings, each)), settings.sources.get(each, "built in"))
                for each in SETTINGS
            ]
            state = "set" if find_secret(settings.key_variable) else "not set"
            rows.insert(3, ("key", state, settings.key_variable))
            show_table(("setting", "value", "from"), rows, title=name)
            say("")


@app.command()
def check(
    role: Annotated[str | None, typer.Option(help="Check this role only.")] = None,
    config: ConfigFile = None,
    base_url: BaseUrl = None,
) -> None:
    """Send one small request for each role, and say what answers, and in which form.

    Roles that ask the same model in the same way are asked once. The exit code is 1 where a
    role's model does not answer.
    """
    from gateway.probe import probe

    engine = get_engine()  # nothing is read from it or written to it
    roles = {name: each for name, each in load_roles(config, {"base_url": base_url}).items()
             if chosen(role) in (None, name)}  # fmt: skip
    found = {}
    for settings in roles.values():
        if _way(settings) not in found:
            found[_way(settings)] = probe(engine, settings)
    rows = [
        (name, settings.model, (seen := found[_way(settings)]).dialect, seen.seconds,
         seen.reply.completion_tokens if seen.reply else None, seen.trouble or "ready")
        for name, settings in roles.items()
    ]  # fmt: skip
    show_table(("role", "model", "takes", "seconds", "tokens", "answer"), rows)
    if any(each.reply is None for each in found.values()):
        raise typer.Exit(1)


def _way(settings: "RoleSettings") -> tuple[object, ...]:
    return (settings.model, settings.base_url, settings.key_variable, settings.temperature,
            settings.seed, settings.suffix, str(settings.extra_body))  # fmt: skip


def chosen(role: str | None) -> "Role | None":
    """The role with this name, if one is given.

    Raises:
        InvalidInput: there is no such role.
    """
    from gateway.roles import Role

    if role is not None and role not in tuple(Role):
        raise InvalidInput(f"expected one of {', '.join(Role)}, got {role[:100]!r}")
    return None if role is None else Role(role)


def shown(value: object) -> str:
    """A setting as the table shows it."""
    return "none" if value is None else str(value)
