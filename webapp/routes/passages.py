"""The traces that hold a move of a transition matrix, or of two that are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select
from starlette.responses import Response

from store.engine import reading
from store.errors import NotFound
from store.tables import Trace
from webapp.dependencies import LARGEST_ROW_ID, VisitingAside, allows
from webapp.pages.transitions import PassageList, PassageRow, PassagesPage
from webapp.routes.comparisons import Words, find_whole
from webapp.routes.transitions import Chosen, Level, read_book
from webapp.serving.permissions import Action

if TYPE_CHECKING:
    from alignment.inspection.backing import Passage
    from alignment.transitions.examples import Unit
    from alignment.transitions.fits import LabelledTrace

router = APIRouter(prefix="/transitions")
PAGE_ROWS = 100
SEGMENTS_BEFORE = 5
TITLES = {"overall": "all traces of the fit", "positive": "traces where thinking helped",
          "negative": "traces where thinking hurt"}  # fmt: skip
From = Annotated[str, Query(max_length=200, alias="from")]
To = Annotated[str, Query(max_length=200, alias="to")]
Skip = Annotated[int, Query(ge=0, le=LARGEST_ROW_ID)]


@dataclass(frozen=True)
class Walked:
    """The traces that moves are looked for in, and what was found, the likeliest first."""

    run_id: int
    categories: Sequence[str]
    traces: "Sequence[LabelledTrace]"
    found: "Sequence[Passage]"


@router.get("/moves", dependencies=[allows(Action.READ)])
def show_passages(
    visit: VisitingAside, choice: Chosen, source: From, target: To, skip: Skip = 0
) -> Response:
    """The moves that may be the one asked for, the likeliest first."""
    with reading(visit.engine) as session:
        book = read_book(visit, session, choice)
        group = choice.of if choice.of in book.backings else "overall"
        cell = _cell(book.states, source, target)
        material = book.material
        found = material.passages(group, cell)
        walked = Walked(material.run_id, material.categories, material.traces, found)
        parts = {**book.choice.parts(), "from": source, "to": target}
        page = PassagesPage(
            source=source,
            target=target,
            group=TITLES[group],
            groups=[(TITLES[name], _search(parts, of=name), name == group)
                    for name in book.backings],
            origins=[("Transitions", f"/transitions{_search(book.choice.parts())}"),
                     (f"annotate run {material.run_id}", f"/runs/{material.run_id}")],
            found=_list(session, walked, skip, {**parts, "of": group}),
        )  # fmt: skip
    return visit.show(page)


@router.get("/compare/moves", dependencies=[allows(Action.READ)])
def show_compared_passages(
    visit: VisitingAside,
    first: Words,
    second: Words,
    source: From,
    target: To,
    level: Level = "category",
    of: Literal["first", "second"] = "second",
    skip: Skip = 0,
) -> Response:
    """The moves of one of two groups that may be the one asked for, the likeliest first."""
    from alignment.inspection.material import group_passages

    with reading(visit.engine) as session:
        compared = find_whole(visit, session, (first, second), level)
        groups, whole = compared.groups, compared.differences
        place, fitted = (0, whole.first) if of == "first" else (1, whole.second)
        chosen = groups[place]
        cell = _cell(whole.states, source, target)
        found = group_passages(chosen, compared.traced[place], fitted, cell)
        walked = Walked(chosen.run_id, chosen.categories, chosen.traces, found)
        pair = {"first": first, "second": second, "level": level}
        parts = {**pair, "from": source, "to": target}
        page = PassagesPage(
            source=source,
            target=target,
            group=chosen.name,
            groups=[(words, _search(parts, of=name), name == of)
                    for name, words in (("first", first), ("second", second))],
            origins=[("Two groups compared", f"/transitions/compare{_search(pair)}")],
            found=_list(session, walked, skip, {**parts, "of": of}),
        )  # fmt: skip
    return visit.show(page)


def _cell(states: Sequence[str], source: str, target: str) -> tuple[int, int]:
    if source not in states or target not in states:
        raise NotFound(f"expected two of {', '.join(states)}, got {source!r}, {target!r}")
    return states.index(source), states.index(target)


def _search(parts: dict[str, str], **more: str) -> str:
    return f"?{urlencode({**parts, **more})}"


def _list(session: Session, walked: Walked, skip: int, parts: dict[str, str]) -> PassageList:
    shown, more = walked.found[skip : skip + PAGE_ROWS], skip + PAGE_ROWS
    names = {walked.traces[one.trace].trace_id for one in shown}
    query = select(Trace.external_id, Trace.id).where(col(Trace.external_id).in_(sorted(names)))
    numbers = dict(session.exec(query).all()) if names else {}
    return PassageList(
        rows=[_row(walked, one, numbers) for one in shown],
        total=len(walked.found),
        expected=sum(one.share for one in walked.found),
        later=_search(parts, skip=str(more)) if more < len(walked.found) else "",
    )


def _row(walked: Walked, one: "Passage", numbers: dict[str, int]) -> PassageRow:
    trace = walked.traces[one.trace]
    arrival = len(trace.units) if one.arrival is None else one.arrival
    before = trace.units[arrival - 1] if arrival > 0 else None
    after = trace.units[arrival] if arrival < len(trace.units) else None
    shown = after or before
    return PassageRow(
        trace_id=numbers[trace.trace_id],
        external_id=trace.trace_id,
        address=segment_address(numbers[trace.trace_id], shown.first_segment if shown else 0,
                                walked.run_id),
        place=place_of(after.first_segment, after.end_segment) if after else "the end",
        sets=(_names(walked, before, "start"), _names(walked, after, "stop")),
        share=one.share,
    )  # fmt: skip


def segment_address(trace: int, position: int, run: int) -> str:
    """A trace at a segment, with the labels of a run."""
    first = max(position - SEGMENTS_BEFORE, 0)
    return f"/traces/{trace}?from={first}&run={run}#segment-{position}"


def place_of(first: int, end: int) -> str:
    """The segments [first, end), counted from 1 as the trace's page counts them."""
    return f"segment {end}" if end == first + 1 else f"segments {first + 1} to {end}"


def _names(walked: Walked, unit: "Unit | None", frame: str) -> list[str]:
    if unit is None:
        return [frame]
    return [walked.categories[label] for label in unit.label_set]
