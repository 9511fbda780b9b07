"""The stages of the pipeline with their numbers, from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.states import VersionStatus
from store.tables import TaxonomyVersion
from webapp.overview.tallies import Holdings, Outcomes
from webapp.pages.overview import Counted, NextStep, Stage
from webapp.queries.counts import CONSENSUS, Inputs
from webapp.queries.progress import Progress
from webapp.review.reviews import Review
from webapp.showing.quantities import percent, proportion
from webapp.showing.wording import count, decimal, words

if TYPE_CHECKING:
    from annotator.agreement.coefficients import Figure

IN_FORCE = (VersionStatus.FROZEN, VersionStatus.SUPERSEDED)


@dataclass(frozen=True)
class Seen:
    """All that the stages show, as one visitor may see it."""

    holdings: Holdings
    review: Review | None  # of the version that people work on
    frozen: TaxonomyVersion | None  # the newest one
    categories: int  # of that
    studies: Sequence[Progress]
    kappa: "Figure | None" = None  # of the two annotators
    study_kappa: "Figure | None" = None  # of the first two people of the newest study


def describe_stages(seen: Seen) -> list[Stage]:
    """The stages in the order of the work."""
    held = seen.holdings
    return [
        _traces(held.inputs),
        _labels(held),
        _clusters(held),
        _review(seen.review),
        _vocabulary(seen),
        _annotation(seen),
        _study(seen),
        _transitions(held),
        *_outcomes(held.outcomes),
    ]


def _state(number: int, done: bool = True) -> str:
    return "empty" if not number else "done" if done else "active"


def _counted(number: int, unit: str, address: str, one: str = "") -> Counted:
    return Counted(count(number), one if one and number == 1 else unit, address)


def _traces(inputs: Inputs) -> Stage:
    more = [
        _counted(inputs.positive, "where thinking helped", "/traces?polarity=positive"),
        _counted(inputs.negative, "where it hurt", "/traces?polarity=negative"),
        _counted(inputs.questions, "questions", "/counts/traces", "question"),
        _counted(inputs.segments, "segments", "/counts/traces", "segment"),
    ]
    polar = bool(inputs.positive + inputs.negative)
    head = _counted(inputs.traces, "traces", "/traces", "trace")
    return Stage("Traces", "/traces", _state(inputs.traces, polar), head, more)


def _labels(held: Holdings) -> Stage:
    if held.labelled is None:
        return _nothing("Labels", "label instances", "/counts/labels")
    found = held.labelled
    more = [_counted(found.labels, "distinct labels", "/counts/labels", "distinct label")]
    if found.left:
        more.append(_counted(found.left, "traces without a usable reply", "/counts/failed",
                             "trace without a usable reply"))  # fmt: skip
    head = _counted(found.instances, "label instances", "/counts/labels", "label instance")
    return Stage("Labels", "/counts/labels", _state(found.instances, not found.left), head, more)


def _nothing(name: str, unit: str, address: str) -> Stage:
    return Stage(name, address, "empty", Counted("0", unit, address))


def _clusters(held: Holdings) -> Stage:
    head = _counted(held.clusters, "clusters", "/counts/clusters", "cluster")
    return Stage("Clusters", "/clusters", _state(held.clusters), head)


def _review(review: Review | None) -> Stage:
    if review is None:
        return _nothing("Review", "labels decided", "/queue")
    queue, done = f"/versions/{review.version_id}/queue", review.progress
    head = _share(done.labels, done.all_labels, "of labels decided", queue)
    more = [_share(done.instances, done.all_instances, "of instances decided", queue)]
    waiting = len(review.waiting) if review.open else 0
    if waiting:
        more.append(_counted(waiting, "clusters waiting", queue, "cluster waiting"))
    note = "your own verdicts, and what is decided" if review.blind else ""
    return Stage("Review", queue, "active" if waiting else "done", head, more, note)


def _share(part: int, whole: int, unit: str, address: str) -> Counted:
    """A share in whole percent, never more than it is."""
    return Counted(f"{100 * part // max(whole, 1)} %", unit, address)


def _vocabulary(seen: Seen) -> Stage:
    more, state = [], "empty"
    if seen.review is not None:
        address = f"/versions/{seen.review.version_id}"
        more.append(Counted(seen.review.name, words(seen.review.status.value), address))
        state = "active"
    if seen.frozen is None:
        return Stage("Vocabulary", "/vocabulary", state,
                     Counted("0", "frozen categories", "/vocabulary"), more)  # fmt: skip
    address = f"/versions/{seen.frozen.id}"
    head = _counted(seen.categories, "frozen categories", address, "frozen category")
    if seen.review is None or seen.review.version_id != seen.frozen.id:
        more.insert(0, Counted(seen.frozen.name, words(seen.frozen.status.value), address))
    return Stage("Vocabulary", address, "done", head, more)


def _annotation(seen: Seen) -> Stage:
    found = seen.holdings.annotated
    if found is None:
        return _nothing("Annotation", "labelled units", "/counts/annotated")
    more = [
        _counted(one.segments, f"segments by {words(one.source)}", "/counts/annotated")
        for one in found.sources
        if one.source != CONSENSUS
    ]
    if seen.kappa is not None:
        more.append(_interval(seen.kappa, "Cohen's κ of the two", "/counts/agreement"))
    if found.left:
        more.append(_counted(found.left, "traces left", "/counts/failed", "trace left"))
    units = found.consensus.steps
    head = _counted(units, "units with a consensus", "/counts/annotated", "unit with a consensus")
    return Stage("Annotation", "/counts/annotated", _state(units, not found.left), head, more)


def _interval(figure: "Figure", unit: str, address: str) -> Counted:
    text = decimal(figure.value, 3)
    if figure.low is not None:
        text += f" [{decimal(figure.low, 3)}, {decimal(figure.high, 3)}]"
    return Counted(text, unit, address)


def _study(seen: Seen) -> Stage:
    if not seen.studies:
        return _nothing("Study", "traces labelled by people", "/studies")
    newest = seen.studies[0]
    address = f"/studies/{newest.id}"
    text = f"{count(newest.finished)} of {count(newest.assigned)}"
    whose = "of your traces" if newest.blind else "traces"
    more = []
    if not newest.blind:
        settled = f"{count(newest.settled)} of {count(newest.traces)}"
        more.append(Counted(settled, "settled", address))
    if seen.study_kappa is not None:
        more.append(_interval(seen.study_kappa, "Cohen's κ of two people", address))
    state = "done" if newest.finished == newest.assigned and not newest.blind else "active"
    head = Counted(text, f"{whose} in {newest.name}", address)
    return Stage("Study", address, state, head, more)


def _transitions(held: Holdings) -> Stage:
    found, page = held.annotated, "/counts/categories"
    if found is None:
        return _nothing("Transitions", "traces to fit on", page)
    more = []
    if found.rarest is not None:
        unit = f"units of the rarest category, {found.rarest.name}"
        more.append(_counted(found.rarest.units, unit, page))
    head = _counted(found.polar, "traces to fit on", page, "trace to fit on")
    return Stage("Transitions", "/transitions", _state(found.polar), head, more)


def _outcomes(found: Outcomes) -> list[Stage]:
    return [_export(found), _training(found), _evaluation(found)]


def _export(found: Outcomes) -> Stage:
    page, newest = "/counts/exports", found.exported
    made = _counted(found.exports, "training sets", page, "training set")
    if newest is None or not newest.rows:
        return Stage("Export", page, _state(found.exports), made)
    more = [
        _counted(newest.count("desirable"), "desirable", page),
        _counted(newest.count("undesirable"), "undesirable", page),
        made,
    ]
    head = _counted(newest.count(), "examples in the newest", page, "example in the newest")
    return Stage("Export", page, "done", head, more)


def _training(found: Outcomes) -> Stage:
    page, newest = "/counts/training", found.trained
    made = _counted(found.trainings, "policies", page, "policy")
    if newest is None or newest.loss is None:
        return Stage("Training", page, _state(found.trainings), made)
    more = [_counted(newest.steps, "steps", page, "step"), made]
    head = Counted(decimal(newest.loss, 4), "last loss", page)
    return Stage("Training", page, "done", head, more)


def _evaluation(found: Outcomes) -> Stage:
    page, newest = "/counts/evaluations", found.evaluated
    made = _counted(found.evaluations, "evaluations", page, "evaluation")
    scores = newest.scores() if newest else None
    if scores is None:
        return Stage("Evaluation", page, _state(found.evaluations), made)
    head = Counted(percent(scores["acc"]), "Acc of the newest", page)
    more = [Counted(proportion(scores["acc"]), "with its interval", page)]
    if scores["mis"]:
        more.append(Counted(proportion(scores["mis"]), "Mis, percent", page))
    return Stage("Evaluation", page, "done", head, [*more, made])


def find_next_step(seen: Seen) -> NextStep | None:
    """What the pipeline lacks first; nothing once it was gone through."""
    held, review = seen.holdings, seen.review
    steps = [
        (held.inputs.traces, NextStep("Bring traces in", "mralign traces import FILE")),
        (held.inputs.positive + held.inputs.negative,
         NextStep("Find out where thinking helped and where it hurt", "mralign traces pair")),
        (held.labelled, NextStep("Have every segment labelled freely", "mralign label run")),
        (held.clusters, NextStep("Gather labels that mean the same", "mralign cluster run")),
        (review, NextStep("Draft a vocabulary on the clusters",
                          "mralign taxonomy draft NAME --preset mr-align-15")),
        (seen.frozen, NextStep("Review the clusters, then freeze the vocabulary", "",
                               f"/versions/{review.version_id}/queue" if review else "/queue")),
        (held.annotated, NextStep("Put the frozen categories on every segment",
                                  "mralign annotate run")),
        (held.outcomes.exports, NextStep("Write the training set", "mralign export")),
        (held.outcomes.trainings, NextStep("Train a policy on it",
                                           "mralign export --train --policy POLICY")),
        (held.outcomes.evaluations, NextStep("See what the policy gained", "mralign evaluate")),
    ]  # fmt: skip
    return next((step for there, step in steps if not there), None)
