"""Groups of annotated traces by what is asked: run, vocabulary, source, polarity, model, data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import sqlalchemy as sa
from sqlmodel import Session, col, select

from alignment.export.corpus import LabelSets, load_label_sets
from alignment.export.pool import CONSENSUS
from alignment.polarity.candidates import PolarityName
from alignment.transitions.examples import Unit
from alignment.transitions.fits import LabelledTrace
from store.errors import InvalidInput, NotFound
from store.states import Polarity, RunKind, RunStatus
from store.tables import Question, Run, Trace, TracePair
from store.taxonomies import get_version


@dataclass(frozen=True)
class GroupFilter:
    """What the traces of a group have in common; nothing asked is every trace."""

    run: int | None = None
    version: str | None = None
    source: str = CONSENSUS
    polarity: PolarityName | None = None
    model: str | None = None
    dataset: str | None = None


@dataclass(frozen=True)
class Group:
    """The traces of a group, labelled over these categories: by which vocabulary and run."""

    name: str
    categories: tuple[str, ...]
    traces: tuple[LabelledTrace, ...]
    version_id: int = 0
    run_id: int = 0


def parse_group(text: str) -> GroupFilter:
    """A group from words such as "run=3,polarity=positive"; "all" asks nothing.

    Raises:
        InvalidInput: the message says which words there are.
    """
    known = [field.name for field in fields(GroupFilter)]
    given: dict[str, str] = {}
    for part in text.split(",") if text.strip() not in ("", "all") else ():
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in known or not equals or not value:
            raise InvalidInput(
                f"expected NAME=VALUE out of {', '.join(known)}, joined by commas, got {part!r}"
            )
        given[name] = value
    return _typed(given)


def load_group(session: Session, text: str) -> Group:
    """The annotated traces of a group, in the order of their ids.

    Raises:
        NotFound: the run or the vocabulary does not exist.
        InvalidInput: the words name no group, or no trace is in it.
    """
    asked = parse_group(text)
    labels = load_label_sets(session, _run_of(session, asked), asked.source)
    traces = _filtered(session, labels, asked)
    if not traces:
        raise InvalidInput(
            f"expected annotated traces with {text}, found none in annotate run {labels.run.id}"
        )
    return Group(text, labels.categories, traces, labels.version.id, labels.run.id)


def share_categories(first: Group, second: Group) -> tuple[Group, Group]:
    """Both groups over the categories of either, those of the first in front.

    A category that one vocabulary lacks is a state that its traces never enter.
    """
    categories = tuple(dict.fromkeys((*first.categories, *second.categories)))
    return _over(first, categories), _over(second, categories)


def _typed(given: Mapping[str, str]) -> GroupFilter:
    polarity, run = given.get("polarity"), given.get("run")
    if polarity not in (None, "positive", "negative"):
        raise InvalidInput(f"expected a polarity of positive or negative, got {polarity!r}")
    if run is not None and not (run.isdecimal() and len(run) < 10):
        raise InvalidInput(f"expected the number of an annotate run, got {run!r}")
    rest = {name: value for name, value in given.items() if name not in ("polarity", "run")}
    return GroupFilter(run=int(run) if run else None, polarity=polarity, **rest)  # type: ignore[arg-type]


def _run_of(session: Session, asked: GroupFilter) -> int | None:
    """The run that is named, or the newest finished one of the vocabulary that is."""
    if asked.run is not None or asked.version is None:
        return asked.run
    version = get_version(session, asked.version)
    done = (RunStatus.SUCCEEDED, RunStatus.PARTIAL)
    query = select(Run).where(col(Run.kind) == RunKind.ANNOTATE, col(Run.status).in_(done))
    for run in session.exec(query.order_by(col(Run.id).desc())):
        if run.parameters.get("version_id") == version.id:
            return run.id
    raise NotFound(
        f"expected an annotate run with {version.name!r}, found none; run `mralign annotate run"
        f" --taxonomy {version.name}`"
    )


def _filtered(session: Session, labels: LabelSets, asked: GroupFilter) -> tuple[LabelledTrace, ...]:
    query = (
        sa.select(
            col(Trace.external_id), col(Trace.model), col(Question.dataset), col(TracePair.polarity)
        )
        .join(Question, col(Question.id) == col(Trace.question_id))
        .outerjoin(TracePair, col(TracePair.on_trace_id) == col(Trace.id))
        .order_by(col(Trace.external_id))
    )
    found = []
    for trace_id, model, dataset, polarity in session.execute(query):
        name = _polarity_name(polarity)
        if trace_id in labels.units and _is_asked(asked, model, dataset, name):
            found.append(LabelledTrace(trace_id, name, labels.units[trace_id]))
    return tuple(found)


def _polarity_name(polarity: Polarity | None) -> PolarityName | None:
    if polarity is None:
        return None
    return "positive" if polarity == Polarity.POSITIVE else "negative"


def _is_asked(
    asked: GroupFilter, model: str, dataset: str | None, polarity: PolarityName | None
) -> bool:
    pairs = ((asked.model, model), (asked.dataset, dataset), (asked.polarity, polarity))
    return all(wanted is None or wanted == had for wanted, had in pairs)


def _over(group: Group, categories: Sequence[str]) -> Group:
    places = {key: place for place, key in enumerate(categories)}
    moved = [places[key] for key in group.categories]
    traces = tuple(
        replace(trace, units=tuple(_moved(unit, moved) for unit in trace.units))
        for trace in group.traces
    )
    return replace(group, categories=tuple(categories), traces=traces)


def _moved(unit: Unit, places: Sequence[int]) -> Unit:
    return replace(unit, labels=tuple(sorted((places[label], c) for label, c in unit.labels)))
