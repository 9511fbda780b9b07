"""The filters of the traces: read from an address, offered as choices, written back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from sqlmodel import Session

from store.states import Polarity, ThinkingMode
from store.tables import Category
from store.words import read_terms
from webapp.dependencies import Visit
from webapp.finding.label_runs import choose_run, choose_source, list_seen_runs, source_name
from webapp.pages.traces import Choice, Select
from webapp.queries import trace_choices
from webapp.queries.search import Outcome, Wanted
from webapp.queries.trace_choices import AnnotateRun

NAMES = (
    "q", "polarity", "outcome", "mode", "model", "dataset", "category", "by", "run", "sort",
)  # fmt: skip
POLARITIES = {"positive": "it helped", "negative": "it hurt"}
OUTCOMES = {
    "right": "right",
    "gap": "hit gap: gold in the thinking only",
    "missed": "wrong, gold nowhere in the thinking",
}
MODES = {"on": "on", "off": "off"}
SORTS = {"relevance": "what fits best", "number": "number"}


@dataclass(frozen=True)
class Filters:
    """What an address asks for, with the run and the vocabulary that its filters speak of."""

    given: Mapping[str, str]
    run: AnnotateRun | None
    runs: Sequence[AnnotateRun] = ()
    sources: Sequence[str] = ()
    categories: Sequence[Category] = ()
    notes: Sequence[str] = field(default=())

    def address(self, **changes: str) -> str:
        """The address of these filters with some changed; those that say nothing stay out."""
        kept = {name: self.given[name] for name in NAMES if self.given.get(name)}
        return "?" + urlencode({name: one for name, one in {**kept, **changes}.items() if one})

    @property
    def narrows(self) -> bool:
        """Whether anything but the order is asked for."""
        return any(self.given.get(name) for name in NAMES if name not in ("sort", "run"))


def read_filters(session: Session, visit: Visit, given: Mapping[str, str]) -> Filters:
    """The filters of an address; what none of them knows is left out, and said where it matters."""
    runs = list_seen_runs(session, visit)
    run = choose_run(runs, given.get("run", ""))
    if run is None:
        return _without_labels(given)
    categories = trace_choices.list_run_categories(session, run.id)
    sources = trace_choices.list_sources(session, run.id)
    filters = Filters(given, run, runs, sources, categories)
    known = (
        ("category", {one.key for one in categories}, "category"),
        ("by", set(sources), "annotator"),
    )
    for name, values, what in known:
        value = given.get(name, "")
        if value and value not in values:
            note = f"Run {run.id} knows no {what} {value!r}: the filter is left out."
            filters = replace(
                filters, given={**filters.given, name: ""}, notes=[*filters.notes, note]
            )
    return filters


def _without_labels(given: Mapping[str, str]) -> Filters:
    asked = bool(given.get("category") or given.get("by"))
    notes = ["Nothing is annotated yet: the filters by label are left out."] if asked else []
    return Filters({**given, "category": "", "by": "", "run": ""}, None, notes=notes)


def wanted_traces(filters: Filters) -> Wanted:
    """What the store is asked for."""
    given = filters.given
    category = {one.key: one.id for one in filters.categories}.get(given.get("category", ""))
    source = given.get("by", "")
    if category is not None and not source:
        source = choose_source(filters.sources, "")
    return Wanted(
        terms=read_terms(given.get("q", "")),
        polarity=Polarity(given["polarity"]) if given.get("polarity") in POLARITIES else None,
        outcome=Outcome(given["outcome"]) if given.get("outcome") in OUTCOMES else None,
        mode=ThinkingMode(given["mode"]) if given.get("mode") in MODES else None,
        model=given.get("model", ""),
        dataset=given.get("dataset", ""),
        run_id=filters.run.id if filters.run else None,
        source=source,
        category_id=category,
        ranked=given.get("sort") != "number",
    )


def offer_filters(session: Session, filters: Filters) -> list[Select]:
    """The choices about traces themselves."""
    given = filters.given
    return [
        select("polarity", "Thinking", POLARITIES, given),
        select("outcome", "Answer", OUTCOMES, given),
        select("mode", "Thinking mode", MODES, given),
        select("model", "Model", _named(trace_choices.list_models(session)), given),
        select("dataset", "Dataset", _named(trace_choices.list_datasets(session)), given),
        *([select("sort", "Order by", SORTS, given, none="")] if given.get("q") else []),
    ]


def offer_labels(filters: Filters) -> list[Select]:
    """The choices about the labels on their segments; none where nothing is annotated."""
    if filters.run is None:
        return []
    given = {**filters.given, "run": str(filters.run.id)}
    names = {one.key: one.name for one in filters.categories}
    return [
        select("category", "Has a segment in", names, given),
        select("by", "Labelled by", _named(filters.sources, source_name), given),
        select(
            "run", "Labels of run", {str(run.id): run.name for run in filters.runs}, given, none=""
        ),
    ]


def select(
    name: str,
    label: str,
    choices: Mapping[str, str],
    given: Mapping[str, str],
    none: str = "any",
) -> Select:
    """A choice of one; what is chosen stays a choice, and `none` is the one that asks nothing."""
    chosen = given.get(name, "")
    offered = {**({"": none} if none else {}), **choices}
    if chosen and chosen not in offered:
        offered[chosen] = chosen
    return Select(name, label, [Choice(one, text, one == chosen) for one, text in offered.items()])


def _named(values: Sequence[str], name: Callable[[str], str] = str) -> dict[str, str]:
    return {value: name(value) for value in values}
