"""Each number of the overview with what it counts: totals, and rows that lead on."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session

from store.states import RunKind
from webapp.overview.tallies import Holdings, Tallies
from webapp.pages.overview import Cell, CountPage
from webapp.queries import listings as queries
from webapp.queries.counts import CONSENSUS, RunHead
from webapp.queries.outcomes import (
    list_costs,
    list_evaluated,
    list_exports,
    list_trained,
    sum_costs,
)
from webapp.queries.progress import Progress
from webapp.showing.quantities import dollars, duration, percent, proportion
from webapp.showing.wording import count, decimal, moment, words

KINDS = {kind.value: kind for kind in RunKind}


@dataclass(frozen=True)
class Asked:
    """What a list may read, and from where on."""

    session: Session
    tallies: Tallies
    held: Holdings
    studies: Sequence[Progress]  # as the visitor may see them
    start: int
    kind: str


def _n(number: int | None, address: str = "") -> Cell:
    return Cell(count(number), address, number=True)


def _t(text: str, number: bool = True) -> Cell:
    return Cell(text, number=number)


def _page(
    title: str,
    lead: str,
    totals: Sequence[tuple[str, str]],
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    empty: str,
    later: str = "",
    command: str = "",
) -> CountPage:
    """The columns stand over numbers where the first row has them."""
    flags = [cell.number for cell in rows[0]] if rows else [False] * len(columns)
    heads = list(zip(columns, flags, strict=True))
    return CountPage(title, lead, totals, heads, rows, empty, later, command)


def _cut(rows: Sequence[Any], asked: Asked, size: int = queries.ROWS) -> tuple[Sequence[Any], str]:
    """A page of rows, and the address of the next one if there are more."""
    return rows[:size], f"?after={asked.start + size}" if len(rows) > size else ""


def list_traces(asked: Asked) -> CountPage:
    """The traces by model and mode."""
    inputs = asked.held.inputs
    totals = [
        (count(inputs.questions), "questions"),
        (count(inputs.traces), "traces"),
        (count(inputs.thinking_traces), "with thinking"),
        (count(inputs.positive), "where thinking helped"),
        (count(inputs.negative), "where it hurt"),
        (count(inputs.segments), "segments"),
    ]
    rows = [
        [Cell(row[0], "/traces"), _t(f"thinking {row[1].value}", False), *map(_n, row[2:])]
        for row in queries.list_origins(asked.session)
    ]
    columns = ("Model", "Mode", "Traces", "Helped", "Hurt", "Segments")
    return _page("Traces and segments", "What was imported, by the model that wrote it.", totals,
                 columns, rows, "No trace is here yet.",
                 command="mralign traces import FILE")  # fmt: skip


def list_labels(asked: Asked) -> CountPage:
    """The open labels of the newest label run, the most frequent first."""
    run, found = asked.held.label_run, asked.held.labelled
    totals = [
        (count(found.instances if found else 0), "label instances"),
        (count(found.labels if found else 0), "distinct labels"),
    ]
    rows = queries.list_labels(asked.session, _ranking(asked, run), asked.start) if run else []
    shown, later = _cut(rows, asked)
    cells = [[Cell(text, _sought("/map", text)), _n(n), _t(decimal(c, 1))] for text, n, c in shown]
    lead = _lead("The open labels of", run)
    return _page("Open labels", lead, totals, ("Label", "Instances", "Mean confidence"), cells,
                 "Nothing is labelled yet.", later, "mralign label run")  # fmt: skip


def _ranking(asked: Asked, run: RunHead) -> queries.Ranking:
    """What a run that ended gave never changes, so that it is read once."""
    return asked.tallies.get("ranking", run.key, lambda: queries.rank_labels(asked.session, run.id))


def _lead(what: str, run: RunHead | None) -> str:
    if run is None:
        return ""
    return f"{what} run {run.id}" + (f", by {run.model}." if run.model else ".")


def _sought(page: str, words: str) -> str:
    """What words find on a page of what people review."""
    return f"{page}?{urlencode({'q': words})}" if words else ""


def list_clusters(asked: Asked) -> CountPage:
    """The clusters as the newest cluster run found them."""
    run = asked.held.cluster_run
    rows = queries.list_clusters(asked.session, run.id, asked.start) if run else []
    shown, later = _cut(rows, asked)
    cells = [
        [Cell(name or "unnamed", _sought("/clusters", name)), *map(_n, held), _t(decimal(cohesion))]
        for name, *held, cohesion in shown
    ]
    lead = _lead("As found by", run) + " What people made of them since stands in the review."
    return _page("Clusters", lead if run else "", [(count(asked.held.clusters), "clusters")],
                 ("Cluster", "Labels", "Instances", "Cohesion"), cells,
                 "Nothing is clustered yet.", later, "mralign cluster run")  # fmt: skip


def list_annotated(asked: Asked) -> CountPage:
    """Who put controlled labels on how much."""
    run, found = asked.held.annotate_run, asked.held.annotated
    totals = [(count(found.consensus.steps if found else 0), "units with a consensus")]
    rows = []
    for one in found.sources if found and run else []:
        if one.source != CONSENSUS:
            totals.append((count(one.segments), f"segments by {words(one.source)}"))
        cells = [_n(one.steps), _n(one.segments), _n(one.traces)]
        address = f"/runs/{run.id}" if run else ""
        rows.append(
            [Cell(words(one.source), address), _t((run and run.model) or "–", False), *cells]
        )
    for study in asked.studies:
        for part in study.parts:
            who = Cell(part.name, f"/studies/{study.id}")
            where = _t(f"study {study.name}", False)
            rows.append([who, where, _t("–"), _t("–"), _n(part.finished)])
    return _page("Controlled labels", _lead("The newest labels of machines are those of", run),
                 totals, ("Who", "Model or study", "Units", "Segments", "Traces"), rows,
                 "Nobody has put a category on anything yet.",
                 command="mralign annotate run")  # fmt: skip


def list_categories(asked: Asked) -> CountPage:
    """What the transitions of each category rest on, the rarest first."""
    found = asked.held.annotated
    totals = [(count(found.polar if found else 0), "traces to fit on")]
    if found and found.rarest:
        unit = f"units of the rarest category, {found.rarest.name}"
        totals.append((count(found.rarest.units), unit))
    support = sorted(found.support, key=lambda one: one.units) if found else []
    rows = [[Cell(one.name), _t(one.macro_strategy, False), _n(one.units)] for one in support]
    lead = "A row of a matrix can be trusted as far as it has seen moves: these are the units of "
    return _page("Support of the categories", lead + "the consensus that carry each category.",
                 totals, ("Category", "Macro-strategy", "Units"), rows,
                 "Nothing is annotated yet.", command="mralign annotate run")  # fmt: skip


def list_training_sets(asked: Asked) -> CountPage:
    """The training sets that were written."""
    found = list_exports(asked.session)
    totals = [(count(asked.held.outcomes.exports), "training sets")]
    if found and found[0].rows:
        totals += [
            (count(found[0].count()), "examples in the newest"),
            (count(found[0].count("desirable")), "desirable"),
            (count(found[0].count("undesirable")), "undesirable"),
        ]
    rows = [
        [Cell(f"run {one.run_id}", f"/runs/{one.run_id}"), _t(one.version, False),
         _n(one.count("desirable")), _n(one.count("undesirable")), _n(one.count()),
         _t(one.content_hash[:12], False), _t(one.folder, False)]
        for one in found
    ]  # fmt: skip
    columns = ("Export", "Version", "Desirable", "Undesirable", "Examples", "Hash", "Folder")
    return _page("Training sets", "The newest first.", totals, columns, rows,
                 "No training set is written yet.", command="mralign export")  # fmt: skip


def list_policies(asked: Asked) -> CountPage:
    """The policies that were trained."""
    found = list_trained(asked.session)
    totals = [(count(asked.held.outcomes.trainings), "policies")]
    if found and found[0].loss is not None:
        totals += [(decimal(found[0].loss, 4), "last loss"), (count(found[0].steps), "steps")]
    rows = [
        [Cell(f"run {one.run_id}", f"/runs/{one.run_id}"), _t(one.policy, False), _n(one.steps),
         _t(decimal(one.loss, 4))]
        for one in found
    ]  # fmt: skip
    return _page("Policies", "The newest first. A run's page has its whole curve.", totals,
                 ("Training", "Policy", "Steps", "Last loss"), rows, "No policy is trained yet.",
                 command="mralign export --train --policy POLICY")  # fmt: skip


def list_evaluations(asked: Asked) -> CountPage:
    """Acc and Mis of every evaluation, in percent with their intervals."""
    found = list_evaluated(asked.session)
    totals = [(count(asked.held.outcomes.evaluations), "evaluations")]
    if found and (scores := found[0].scores()):
        totals.append((percent(scores["acc"]), "Acc of the newest"))
    rows = [
        [Cell(f"run {one.run_id}", f"/runs/{one.run_id}"), _t(one.dataset, False), _t(arm, False),
         _t(how, False), _n(score["n"]), _t(proportion(score["acc"])), _t(proportion(score["mis"]))]
        for one in found
        for arm, scores in one.arms.items()
        for how, score in scores.items()
        if how in ("plain", "squad")
    ]  # fmt: skip
    columns = ("Evaluation", "Questions", "Arm", "Match", "n", "Acc, percent", "Mis, percent")
    return _page("Evaluations", "In brackets the 95 % interval.", totals, columns, rows,
                 "Nothing is evaluated yet.", command="mralign evaluate")  # fmt: skip


def list_failed(asked: Asked) -> CountPage:
    """The traces that the newest runs left without usable labels, and why."""
    held = asked.held
    left = [(run, one.left) for run, one in ((held.label_run, held.labelled),
                                             (held.annotate_run, held.annotated))
            if run and one and one.left]  # fmt: skip
    totals = [(count(number), f"traces of run {run.id}") for run, number in left]
    rows = queries.list_left(asked.session, [run.id for run, _ in left], asked.start)
    shown, later = _cut(rows, asked)
    cells = [
        [Cell(external_id, f"/traces/{trace_id}"), Cell(f"{kind.value} run {run_id}",
         f"/runs/{run_id}"), _t(status, False), _t(detail or "–", False)]
        for kind, run_id, trace_id, external_id, status, detail in shown
    ]  # fmt: skip
    commands = "\n".join(_resume(run, run is held.label_run) for run, _ in left)
    return _page("Traces that are left", "Replies that failed or could not be used, and labels "
                 "that a migration could not take over. The command does them anew.", totals,
                 ("Trace", "Run", "State", "Why"), cells, "Nothing is left.", later,
                 commands)  # fmt: skip


def _resume(run: RunHead, labels: bool) -> str:
    verb = "label" if labels else "annotate"
    return shlex.join(["mralign", verb, "run", "--resume", str(run.id)])


def list_spent(asked: Asked) -> CountPage:
    """What single runs took, the newest first."""
    kind = KINDS.get(asked.kind)
    found = list_costs(asked.session, kind, asked.start or None)
    sums = [one for one in sum_costs(asked.session) if kind is None or one.kind == kind]
    totals = [
        (count(sum(one.runs for one in sums)), "runs"),
        (count(sum(one.tokens for one in sums)), "tokens"),
        (dollars(sum(one.usd for one in sums)), "USD"),
        (duration(sum(one.seconds for one in sums)), "in all"),
    ]
    rows = [
        [Cell(f"{one.kind.value} run {one.id}", f"/runs/{one.id}"), _t(one.model or "–", False),
         _n(one.done_items), _n(one.tokens), _t(dollars(one.usd)), _t(_took(one)),
         _t(moment(one.started_at), False)]
        for one in found[:50]
    ]  # fmt: skip
    later = f"?kind={kind.value if kind else ''}&after={found[49].id}" if len(found) > 50 else ""
    title = f"What {kind.value} runs cost" if kind else "What the runs cost"
    columns = ("Run", "Model", "Done", "Tokens", "USD", "Time", "Started")
    return _page(title, "Runs of machines; what people label costs nothing here.", totals, columns,
                 rows, "Nothing ran yet.", later)  # fmt: skip


def _took(one: Any) -> str:
    if one.ended_at is None:
        return "under way"
    return duration((one.ended_at - one.started_at).total_seconds())


LISTS: Mapping[str, Callable[[Asked], CountPage]] = {
    "traces": list_traces,
    "labels": list_labels,
    "clusters": list_clusters,
    "annotated": list_annotated,
    "categories": list_categories,
    "exports": list_training_sets,
    "training": list_policies,
    "evaluations": list_evaluations,
    "failed": list_failed,
    "costs": list_spent,
}
