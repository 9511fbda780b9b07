"""`mralign taxonomy`: draft, show, compare, approve and freeze the vocabulary."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from sqlmodel import Session

from mralign import review
from mralign.database import open_database
from mralign.migrating import import_, migrate
from mralign.terminal import say, show_table
from mralign.version_names import name_or_number
from mralign.worth import worth
from store.engine import reading, transaction
from store.errors import InvalidInput, NotFound
from store.runs import find_latest_run
from store.states import RunKind, VersionStatus
from store.tables import Person, TaxonomyVersion
from store.taxonomies import find_frozen_version, get_version, list_versions
from taxonomy.review.curation import get_review_state
from taxonomy.versions import lifecycle
from taxonomy.versions.change_notes import list_change_notes
from taxonomy.vocabulary.codebook import write_csv, write_markdown
from taxonomy.vocabulary.contents import VersionContent, count_instances
from taxonomy.vocabulary.skos import BASE, write_json_ld, write_turtle

app = typer.Typer(
    help="Draft, show, compare, approve and freeze the vocabulary.",
    no_args_is_help=True,
    add_completion=False,
)

app.command()(review.queue)
app.command()(review.suggestions)
app.command()(review.recluster)
app.command("worth")(worth)
app.command("migrate")(migrate)
app.command("import")(import_)

Name = Annotated[str, typer.Argument(help="The version's name or number.")]
Reason = Annotated[str, typer.Option(help="Why; it stays in the version's log.")]
Step = Callable[..., TaxonomyVersion]


class Format(StrEnum):
    """How a version is shown: SKOS is Turtle, Markdown the codebook, CSV a label a line."""

    TEXT = "text"
    JSON = "json"
    SKOS = "skos"
    JSON_LD = "json-ld"
    MARKDOWN = "markdown"
    CSV = "csv"


@app.command()
def draft(
    name: Annotated[str, typer.Argument(help="A name that no version has.")],
    preset: Annotated[str | None, typer.Option(help="Start from mr-align-15.")] = None,
    parent: Annotated[
        str | None, typer.Option(help="Go on from the decisions of a frozen version.")
    ] = None,
    cluster_run: Annotated[
        int | None, typer.Option(help="The cluster run; the parent's or the newest by default.")
    ] = None,
    proposed: Annotated[
        bool, typer.Option("--proposed", help="Start from what `cluster run --discover` proposed.")
    ] = False,
) -> None:
    """Make a draft: categories from a preset, a parent or a proposal, labels from a cluster run."""
    with transaction(open_database()) as session:
        if cluster_run is None and parent is None:
            newest = find_latest_run(session, RunKind.CLUSTER)
            cluster_run = newest.id if newest else None
        version = lifecycle.create_draft(
            session,
            name,
            preset=preset,
            parent=name_or_number(parent) if parent else None,
            cluster_run_id=cluster_run,
            proposed=proposed,
        )
        state = get_review_state(session, version.id)
    source = f"cluster run {version.cluster_run_id}" if version.cluster_run_id else "no labels"
    say(
        f"{version.name}: a draft with {len(state.categories)} categories and "
        f"{len(state.groups)} groups from {source}"
    )


@app.command("list")
def list_() -> None:
    """List the versions, newest first."""
    with reading(open_database()) as session:
        rows = [
            (
                version.id,
                version.name,
                version.status.value,
                version.revision,
                version.preset,
                version.cluster_run_id,
                (version.content_hash or "")[:12] or None,
            )
            for version in list_versions(session)
        ]
    columns = ("number", "name", "status", "revision", "preset", "cluster run", "hash")
    show_table(columns, rows)


@app.command()
def show(
    name: Annotated[
        str | None, typer.Argument(help="The version; by default the frozen or the newest one.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    base_uri: Annotated[
        str, typer.Option(help="What the URIs of SKOS begin with, such as https://example.org/.")
    ] = BASE,
) -> None:
    """Show a version's categories and where its labels go, as text or for other programs.

    Categories keep their URIs from version to version.
    """
    with reading(open_database()) as session:
        version = _find(session, name)
        content = lifecycle.get_content(session, version)
        notes = list_change_notes(session, version)
    match format_:
        case Format.TEXT:
            _show_text(version, content)
        case Format.JSON:
            typer.echo(json.dumps(_document(version, content), indent=2, ensure_ascii=True))
        case Format.CSV:
            typer.echo(write_csv(content), nl=False)
        case Format.MARKDOWN:
            typer.echo(write_markdown(content, notes, version.content_hash), nl=False)
        case Format.SKOS | Format.JSON_LD:
            write = write_turtle if format_ == Format.SKOS else write_json_ld
            typer.echo(write(content, notes, _checked_base(base_uri)), nl=False)


def _checked_base(base_uri: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!#$&-;=?-\[\]_a-z~]*", base_uri):
        raise InvalidInput(f"expected the beginning of a URI, got {base_uri[:100]!r}")
    return base_uri


def _document(version: TaxonomyVersion, content: VersionContent) -> dict[str, object]:
    return {
        "name": version.name,
        "status": version.status.value,
        "revision": version.revision,
        "content_hash": version.content_hash,
        "parent_hash": content.parent_hash,
        "categories": [asdict(category) for category in content.categories],
        "labels": [asdict(label) for label in content.labels],
    }


def _show_text(version: TaxonomyVersion, content: VersionContent) -> None:
    say(f"{version.name}: {version.status.value.replace('_', ' ')}, revision {version.revision}")
    if version.content_hash:
        say(f"content hash {version.content_hash}")
    labels: dict[str | None, int] = {}
    for label in content.labels:
        labels[label.category] = labels.get(label.category, 0) + 1
    instances = count_instances(content)
    rows: list[tuple[object, ...]] = [
        (
            category.key,
            category.macro_strategy,
            labels.get(category.key, 0),
            instances.get(category.key, 0),
        )
        for category in content.categories
    ]
    rows.append(("(none)", "", labels.get(None, 0), instances.get(None, 0)))
    show_table(("category", "macro-strategy", "labels", "instances"), rows)


@app.command()
def diff(
    before: Name, after: Name, limit: Annotated[int, typer.Option(min=0, help="Labels.")] = 30
) -> None:
    """Show what changes from one version to another."""
    with reading(open_database()) as session:
        found = lifecycle.diff(session, name_or_number(before), name_or_number(after))
    rows = [
        (entry.key, entry.change or "–", entry.instances_before, entry.instances_after)
        for entry in found.categories
    ]
    if rows:
        show_table(("category", "change", "instances before", "after"), rows)
    moved = [(each.text, each.before, each.after, each.instances) for each in found.moved[:limit]]
    if moved:
        show_table(("label", "from", "to", "instances"), moved)
    say(
        f"{len(found.categories)} categories differ, {len(found.moved)} labels moved, "
        f"{found.labels_added} labels are new, {found.labels_gone} are gone"
    )


@app.command()
def submit(name: Name, reason: Reason) -> None:
    """Put a draft up for review."""
    _take(name, reason, lifecycle.submit)


@app.command()
def approve(name: Name, reason: Reason) -> None:
    """Approve a version in review as it stands."""
    _take(name, reason, lifecycle.approve)


@app.command()
def reopen(name: Name, reason: Reason) -> None:
    """Make a submitted or approved version a draft again."""
    _take(name, reason, lifecycle.reopen)


@app.command()
def freeze(
    name: Name,
    reason: Reason,
    approve: Annotated[
        bool, typer.Option("--approve", help="Submit and approve it in the same go.")
    ] = False,
) -> None:
    """Freeze an approved version for good; its parent becomes superseded."""
    _take(name, reason, lifecycle.freeze, approving=approve)


def _take(name: str, reason: str, step: Step, approving: bool = False) -> None:
    """Take a step of a version's life in the name of the command line."""
    nobody: Person | None = None  # audited as the command line
    with transaction(open_database()) as session:
        version = get_version(session, name_or_number(name))
        steps = [*(_missing(version) if approving else ()), step]
        for each in steps:
            version = each(session, version.id, person=nobody, reason=reason)
    frozen = f", content hash {version.content_hash}" if version.content_hash else ""
    say(f"{version.name}: {version.status.value.replace('_', ' ')}{frozen}")


def _missing(version: TaxonomyVersion) -> tuple[Step, ...]:
    """The steps between a version's status and approval."""
    if version.status == VersionStatus.DRAFT:
        return lifecycle.submit, lifecycle.approve
    return (lifecycle.approve,) if version.status == VersionStatus.IN_REVIEW else ()


def _find(session: Session, name: str | None) -> TaxonomyVersion:
    if name is not None:
        return get_version(session, name_or_number(name))
    found = find_frozen_version(session) or next(iter(list_versions(session)), None)
    if found is None:
        raise NotFound("expected a taxonomy version, found none; run `mralign taxonomy draft NAME`")
    return found
