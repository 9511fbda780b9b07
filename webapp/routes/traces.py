"""Traces: the list with its search, and one trace piece by piece."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.responses import Response

from alignment.polarity.gold_spans import gold_spans
from store.engine import reading
from store.errors import InvalidInput, NotFound
from webapp.dependencies import RowId, Visit, Visiting, allows
from webapp.finding.label_runs import (
    choose_run,
    choose_source,
    list_seen_exports,
    list_seen_runs,
    source_name,
)
from webapp.finding.trace_filters import (
    NAMES,
    Filters,
    offer_filters,
    offer_labels,
    read_filters,
    select,
    wanted_traces,
)
from webapp.pages.traces import Select, TraceLine, TracePage, TracesPage
from webapp.queries import trace_choices, traces
from webapp.queries.search import (
    NOTHING,
    Found,
    find_traces,
    read_cursor,
)
from webapp.queries.trace_choices import ExportChoice
from webapp.review.reviews import find_current_version
from webapp.routes.clusters import Words
from webapp.serving.permissions import Action
from webapp.showing.colours import macro_classes
from webapp.traces.excerpts import find_excerpt, mark, seek
from webapp.traces.trace_view import (
    UnitWeight,
    draw_bar,
    mark_gold,
    unit_weights,
    view_segments,
    weight_steps,
)

router = APIRouter(prefix="/traces")
Chosen = Annotated[str, Query(max_length=200)]


@router.get("", dependencies=[allows(Action.READ)])
def show_traces(visit: Visiting, q: Words = "", after: Chosen = "") -> Response:
    """A page of the traces that the filters in the address find."""
    asked = visit.request.query_params
    given = {name: asked.get(name, "").replace("\x00", "")[:200].strip() for name in NAMES}
    given["q"] = " ".join(q.replace("\x00", "").split())
    with reading(visit.engine) as session:
        filters = read_filters(session, visit, given)
        wanted = wanted_traces(filters)
        found = NOTHING
        if wanted.terms or not given["q"]:
            found = find_traces(session, wanted, read_cursor(after))
        ids = [one.trace_id for one in found.cursors]
        rows = traces.list_traces(session, ids, searched=bool(wanted.terms))
        selects = offer_filters(session, filters)
    sought = seek(wanted.terms)
    lines = [
        TraceLine(
            row,
            mark(row.question, sought),
            find_excerpt((("thinking", row.thinking), ("answer", row.answer)), sought),
        )
        for row in rows
    ]
    page = TracesPage(
        lines=lines,
        words=given["q"],
        selects=selects,
        labelled=offer_labels(filters),
        filtered=filters.narrows,
        notes=[*filters.notes, *_notes(filters, found, bool(wanted.terms))],
        total=found.total,
        most=found.most,
        order="what fits best first" if found.ranked else "in the order of their import",
        first=filters.address() if after else "",
        later=filters.address(after=str(found.cursors[-1])) if found.more else "",
    )
    return visit.show(page)


def _notes(filters: Filters, found: Found, searched: bool) -> list[str]:
    """What a reader of the list should know of how it came about."""
    words = filters.given["q"]
    if words and not searched:
        return [f"“{words}” holds neither a letter nor a digit, and only words are searched."]
    if searched and not found.ranked and filters.given["sort"] != "number":
        return ["So many traces hold these words that none fits better than the others."]
    return []


@router.get("/{trace_id}", dependencies=[allows(Action.READ)])
def show_trace(
    visit: Visiting,
    trace_id: RowId,
    first: Annotated[int, Query(alias="from", ge=0, le=2**31 - 1)] = 0,
    run: Chosen = "",
    by: Chosen = "",
    export: Chosen = "",
    colour: Chosen = "",
) -> Response:
    """A trace with what was said about each of its pieces, and what each weighs."""
    with reading(visit.engine) as session:
        shown = _Shown(session, visit, trace_id, {"run": run, "by": by, "export": export,
                                                  "colour": colour})  # fmt: skip
        return visit.show(shown.page(session, visit, first))


class _Shown:
    """A trace with the run, the source and the export that its page was asked for."""

    def __init__(
        self, session: Session, visit: Visit, trace_id: int, asked: Mapping[str, str]
    ) -> None:
        self.head = traces.get_trace_head(session, trace_id)
        self.runs = list_seen_runs(session, visit)
        self.run = choose_run(self.runs, asked["run"])
        self.sources = trace_choices.list_sources(session, self.run.id) if self.run else []
        self.source = choose_source(self.sources, asked["by"])
        self.exports = list_seen_exports(session, visit)
        self.export = self._choose_export(asked["export"])
        self.weighted = asked["colour"] == "weight" and self.export is not None
        self.asked = {name: value for name, value in asked.items() if value}
        self.weights, self.note = self._read_weights()

    def _choose_export(self, wanted: str) -> ExportChoice | None:
        """The export of this number, else the newest of the run, else the newest."""
        named = [one for one in self.exports if str(one.id) == wanted]
        own = [one for one in self.exports if self.run and one.annotate_run_id == self.run.id]
        return next(iter((*named, *own, *self.exports)), None)

    def _read_weights(self) -> tuple[dict[int, UnitWeight] | None, str]:
        """The weights of the segments, and in a sentence why there are none."""
        if not self.weighted or self.export is None:
            return None, ""
        from alignment.explanation.lineage import find_drop_reason, get_row_of

        try:
            return unit_weights(get_row_of(self.export.folder, self.head.external_id)), ""
        except NotFound:
            why = find_drop_reason(self.export.folder, self.head.external_id)
            return {}, f"Export {self.export.id} does not hold this trace: {why}."
        except InvalidInput as error:
            return {}, f"The weights cannot be shown: {error}."

    def page(self, session: Session, visit: Visit, first: int) -> TracePage:
        """The page from a segment on."""
        run_id = self.run.id if self.run else None
        segments = traces.list_segments(session, self.head.id, first, run_id, self.source)
        more = len(segments) > traces.SEGMENTS_SHOWN
        segments = segments[: traces.SEGMENTS_SHOWN]
        spans = gold_spans(traces.get_thinking(session, self.head.id), self.head.gold_answers)
        colours = _colours(session, segments, visit)
        export_id = self.export.id if self.export else 0
        why = f"/weights/{export_id}/traces/{self.head.id}/segments/"
        weights = self.weights if self.weighted else None
        views = view_segments(segments, spans, colours, weights, why)
        return TracePage(
            trace=self.head,
            answer=mark_gold(self.head.answer, self.head.gold_answers),
            pairing=traces.find_pairing(session, self.head.id),
            segments=views,
            bar=draw_bar(segments, views, spans, self.head.thinking_characters),
            selects=self._selects(),
            weighted=self.weighted,
            modes={mode: self.address(mode) for mode in self._modes()},
            steps=weight_steps() if self.weighted else [],
            colours=colours,
            weight_note=self.note,
            later=self.address(**{"from": str(segments[-1].position + 1)}) if more else "",
        )

    def _modes(self) -> Sequence[str]:
        return ("category", "weight") if self.exports else ()

    def address(self, colour: str = "", **changes: str) -> str:
        """The address of this page, coloured in a way, else as it is."""
        kept = {**self.asked, **changes, **({"colour": colour} if colour else {})}
        return "?" + urlencode(kept)

    def _selects(self) -> list[Select]:
        """The choices of run, of who labelled, and of the export."""
        given = {"run": str(self.run.id) if self.run else "", "by": self.source,
                 "export": str(self.export.id) if self.export else ""}  # fmt: skip
        named = {source: source_name(source) for source in self.sources}
        runs = {str(run.id): run.name for run in self.runs}
        exports = {str(one.id): one.name for one in self.exports}
        offered = (("run", "Labels of", runs), ("by", "Given by", named),
                   ("export", "Weights of", exports))  # fmt: skip
        return [select(*one, given, none="") for one in offered if one[2]]


def _colours(session: Session, segments: Sequence[Any], visit: Visit) -> dict[str, str]:
    """The colours of the vocabulary that people see elsewhere, else in order of appearance."""
    here = [label.macro_strategy or "" for segment in segments for label in segment.categories]
    current = find_current_version(session)
    known = visit.review(session, current).colours if here and current is not None else {}
    return macro_classes([*known, *here])
