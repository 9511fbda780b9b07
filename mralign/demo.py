"""`mralign demo`: every stage of the pipeline on sample data, then the pages."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, TextIO

import typer

from mralign.serve import listen, serve_database
from mralign.terminal import say, show_table
from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput, MralignError
from store.people_tables import ProjectFact
from store.settings import use_database
from store.states import Role

app = typer.Typer(add_completion=False)

DATABASE = "demo.sqlite3"
DEMO_FACT = "demo"
HOST = "127.0.0.1"
FIRST_LOOK = """
Look first at Clusters: open one, read a segment in its trace, rename it, undo.
Then Vocabulary and Transitions. `?` on a page shows its keys.
"""
SIGN_INS = {"anna": Role.ANNOTATOR, "ben": Role.ANNOTATOR, "rosa": Role.RESEARCHER,
            "carl": Role.CURATOR}  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """A line of the demo: what it does, and the command that does it."""

    title: str
    command: tuple[str, ...]


def stages(samples: Path) -> Iterator[Stage]:
    """The pipeline as a user would type it, in the demo's folder."""
    reason = ("--reason", "The demo takes the proposals as they are.")
    train = ("--train", "--policy", "policy", "--accumulation", "1", "--max-steps", "10")
    yield Stage("create the schema", ("db", "upgrade"))
    yield Stage("import traces", ("traces", "import", str(samples)))
    yield Stage("judge them and set polarity", ("traces", "pair"))
    yield Stage("open labels", ("label", "run", "--offline"))
    yield Stage("cluster them", ("cluster", "run"))
    yield Stage("draft a vocabulary", ("taxonomy", "draft", "demo-1", "--preset", "mr-align-15"))
    yield Stage("freeze it", ("taxonomy", "freeze", "demo-1", "--approve", *reason))
    yield Stage("controlled labels", ("annotate", "run", "--offline"))
    yield Stage(
        "transitions", ("transitions", "show", "--which", "weights+", "--svg", "weights.svg")
    )
    yield Stage("export and train", ("export", "--out", "export", *train))
    yield Stage("evaluate the traces", ("evaluate", "--traces"))
    yield Stage("evaluate the policy", ("evaluate", "--limit", "4", "--max-new-tokens", "64"))
    yield Stage("draft the next version", ("taxonomy", "draft", "demo-2", "--parent", "demo-1"))


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option(help="Where the demo keeps its files; an older demo there is replaced.")
    ] = Path("demo"),
    serve: Annotated[bool, typer.Option(help="Serve the pages at the end.")] = True,
    port: Annotated[int, typer.Option(help="Port of the pages.")] = 8000,
) -> None:
    """Run the whole pipeline on the sample data, offline and without a key, then serve the pages.

    Everything lands in one folder with a database of its own; yours is not touched.
    """
    _fresh(folder)
    if serve:
        listen(HOST, port).close()  # an address that is taken is told now, not at the end
    use_database(f"sqlite:///{(folder / DATABASE).resolve()}")
    started_s = time.monotonic()
    log_path = folder / "log.txt"
    with as_file(files("mralign") / "samples" / "traces.jsonl") as samples:
        path = samples.resolve()
        with log_path.open("w", encoding="utf-8") as log, chdir(folder):
            _run_all(path, log)
    passwords = _add_people()
    say(
        f"done in {time.monotonic() - started_s:.0f} s; what each command printed: {folder}/log.txt"
    )
    _show_sign_ins(passwords)
    if serve:
        say(FIRST_LOOK)
        serve_database(get_engine(), HOST, port)


def _fresh(folder: Path) -> None:
    """Make the folder, replacing a demo that is there, and nothing else that is there."""
    if folder.exists() and any(folder.iterdir()):
        if not _is_demo(folder / DATABASE):
            raise InvalidInput(
                f"expected a new folder or an older demo, but {folder} holds something else; "
                "name another with --folder"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _is_demo(database: Path) -> bool:
    if not database.exists():
        return False
    engine = get_engine(f"sqlite:///{database}")
    try:
        with reading(engine) as session:
            return session.get(ProjectFact, DEMO_FACT) is not None
    finally:
        engine.dispose()


def _run_all(samples: Path, log: TextIO) -> None:
    from mralign.main import app as commands

    listed = list(stages(samples))
    for number, stage in enumerate(listed, start=1):
        with _timed(f"[{number:2}/{len(listed)}] {stage.title:28}", stage.command):
            log.write(f"\n$ mralign {' '.join(stage.command)}\n")
            if "policy" in stage.command:
                _build_policy(samples)
            with redirect_stdout(log):
                code = commands(list(stage.command), standalone_mode=False)
        if code:
            raise MralignError(f"`mralign {' '.join(stage.command)}` ended with code {code}")
        if number == 1:
            _mark()


@contextmanager
def _timed(line: str, command: Sequence[str]) -> Iterator[None]:
    started_s = time.monotonic()
    yield
    shown = Path(command[-1]).name if command[0] == "traces" else command[-1]
    typer.echo(f"{line} {time.monotonic() - started_s:6.1f} s   "
               f"mralign {' '.join([*command[:-1], shown])}"[:110])  # fmt: skip


def _mark() -> None:
    """Say in the database that it is a demo, so that a later demo may replace it."""
    with transaction(get_engine()) as session:
        session.add(ProjectFact(key=DEMO_FACT, value="sample data; sign-ins are random"))


def _build_policy(samples: Path) -> None:
    from alignment.policies.tiny import build_tiny_policy

    build_tiny_policy(samples.read_text("utf-8").splitlines(), Path("policy"))


def _add_people() -> dict[str, str]:
    from store.people import add_person, generate_password, hash_password

    passwords = {name: generate_password() for name in SIGN_INS}
    hashes = {name: hash_password(password) for name, password in passwords.items()}
    with transaction(get_engine()) as session:
        for name, role in SIGN_INS.items():
            add_person(session, name, role, hashes[name])
    return passwords


def _show_sign_ins(passwords: dict[str, str]) -> None:
    rows = [(name, SIGN_INS[name].value, password) for name, password in passwords.items()]
    show_table(("name", "role", "password"), rows, "\nsign-ins of this demo, shown this once")
