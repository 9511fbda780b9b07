"""`mralign people`: who may sign in, and with which role."""

from typing import Annotated

import typer

from mralign.database import open_database
from mralign.terminal import say, show_table
from store import people
from store.engine import reading, transaction
from store.states import Role

app = typer.Typer(
    help="Add people, set their roles and passwords.",
    no_args_is_help=True,
    add_completion=False,
)

Name = Annotated[str, typer.Argument(help="The name that the person signs in with.")]
Prompt = Annotated[
    bool, typer.Option("--prompt", help="Ask for the password instead of making one.")
]


def new_password(prompt: bool) -> tuple[str, str]:
    """A password, asked for or made, and what to print about it."""
    if prompt:
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked, ""
    made = people.generate_password()
    return made, f"password, shown this once: {made}"


@app.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="What the person may do.")],
    prompt: Prompt = False,
) -> None:
    """Add somebody who may sign in; their password is made and shown once."""
    engine = open_database()
    password, note = new_password(prompt)
    password_hash = people.hash_password(password)
    with transaction(engine) as session:
        person = people.add_person(session, name, role, password_hash)
    say(f"added {person.name}, {role.value}")
    if note:
        say(note)


@app.command("role")
def set_role(name: Name, role: Annotated[Role, typer.Argument(help="The new role.")]) -> None:
    """Give a person another role, from their next request on."""
    with transaction(open_database()) as session:
        person = people.set_role(session, name, role)
    say(f"{person.name} is now {role.value}")


@app.command()
def reset(name: Name, prompt: Prompt = False) -> None:
    """Replace a person's password and end all of their sessions."""
    engine = open_database()
    password, note = new_password(prompt)
    password_hash = people.hash_password(password)
    with transaction(engine) as session:
        person = people.reset_password(session, name, password_hash)
    say(f"{person.name}: new password set, all sessions ended")
    if note:
        say(note)


@app.command()
def deactivate(name: Name) -> None:
    """Shut a person out at once; what they did stays."""
    with transaction(open_database()) as session:
        person = people.set_active(session, name, False)
    say(f"{person.name} can no longer sign in; all sessions ended")


@app.command()
def activate(name: Name) -> None:
    """Let a person sign in again."""
    with transaction(open_database()) as session:
        person = people.set_active(session, name, True)
    say(f"{person.name} can sign in")


@app.command("list")
def list_all() -> None:
    """Everybody who was ever added."""
    with reading(open_database()) as session:
        rows = [
            (p.name, p.role.value, "yes" if p.active else "no", f"{p.created_at:%Y-%m-%d}")
            for p in people.list_people(session)
        ]
    show_table(("name", "role", "active", "added"), rows)
