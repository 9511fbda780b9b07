"""A new draft of the vocabulary: where its categories come from, and the clusters it stands on."""

from dataclasses import asdict
from typing import Any

from sqlmodel import Session

from store import audit
from store.audit import Actor
from store.errors import Conflict, InvalidInput, NotFound
from store.reviews import append_event
from store.runs import get_run
from store.states import RunKind, VersionStatus
from store.tables import TaxonomyVersion
from store.taxonomies import find_version, get_version
from taxonomy.events.decisions import DecisionError, UnknownNameError, clean_line
from taxonomy.events.state import CategoryText
from taxonomy.vocabulary.presets import get_preset


def create_draft(
    session: Session,
    name: str,
    *,
    cluster_run_id: int | None = None,
    preset: str | None = None,
    parent: str | int | None = None,
    proposed: bool = False,
    person: Actor | None = None,
    categories: list[dict[str, Any]] | None = None,
) -> TaxonomyVersion:
    """A new draft: categories from a preset, or everything decided so far from a frozen parent.

    `categories` are texts from elsewhere, in the place of a preset's.

    Without a cluster run it takes the parent's; without either it has categories and no labels.
    With `proposed` it takes the categories that the cluster run proposed from the labels alone.

    Raises:
        Conflict: a version has this name already.
        InvalidInput: the name will not do, both preset and parent are given, or the parent still
            changes.
        NotFound: there is no such preset, parent or cluster run.
    """
    clean = _clean_name(session, name)
    ancestor = _get_parent(session, parent, preset)
    if proposed and not (preset is None and parent is None and categories is None):
        raise InvalidInput("expected one source of categories, got proposed ones and another")
    if categories is None:
        categories = _proposed(session, cluster_run_id) if proposed else _starting(preset)
    if cluster_run_id is None and ancestor is not None:
        cluster_run_id = ancestor.cluster_run_id
    elif cluster_run_id is not None:
        get_run(session, cluster_run_id, RunKind.CLUSTER)
    version = TaxonomyVersion(
        name=clean,
        preset=preset,
        cluster_run_id=cluster_run_id,
        parent_id=ancestor.id if ancestor else None,
    )
    session.add(version)
    session.flush()
    append_event(session, version, "start", {"categories": categories}, person)
    audit.record(
        session, person, "taxonomy.draft", f"taxonomy {clean}", preset=preset, run=cluster_run_id
    )
    return version


def text_columns(text: CategoryText) -> dict[str, Any]:
    """The texts of a category as they are stored."""
    lists = {"examples": list(text.examples), "counter_examples": list(text.counter_examples)}
    return {**asdict(text), **lists}


def _clean_name(session: Session, name: str) -> str:
    try:
        clean = clean_line(name, "a name", 100)
    except DecisionError as error:
        raise InvalidInput(str(error)) from error
    if clean.isdigit():
        raise InvalidInput("expected a name that is not a number only; add a word")
    if find_version(session, clean) is not None:
        raise Conflict(f"expected a new name, but there is a version {clean}; choose another")
    return clean


def _get_parent(
    session: Session, parent: str | int | None, preset: str | None
) -> TaxonomyVersion | None:
    if parent is None:
        return None
    if preset is not None:
        raise InvalidInput("expected a preset or a parent to take the categories from, got both")
    version = get_version(session, parent)
    if version.status not in (VersionStatus.FROZEN, VersionStatus.SUPERSEDED):
        raise InvalidInput(
            f"expected a frozen parent, but {version.name} is {version.status.value}; freeze it"
        )
    return version


def _starting(preset: str | None) -> list[dict[str, Any]]:
    try:
        return [text_columns(text) for text in get_preset(preset)] if preset is not None else []
    except UnknownNameError as error:
        raise NotFound(str(error)) from error


def _proposed(session: Session, cluster_run_id: int | None) -> list[dict[str, Any]]:
    run = get_run(session, cluster_run_id, RunKind.CLUSTER) if cluster_run_id else None
    if run is None or "proposal" not in run.parameters:
        raise InvalidInput(
            "expected a cluster run that proposes categories; run `mralign cluster run --discover`"
        )
    return list(run.parameters["proposal"])
