"""The pipeline from left to right."""

from fastapi import APIRouter
from starlette.responses import Response

from store.engine import reading
from webapp.dependencies import Visiting, allows
from webapp.pages.records import OverviewPage, Stage
from webapp.permissions import Action
from webapp.queries.counts import Counts, count_stages
from webapp.reviews import Review, find_current_version

router = APIRouter()


@router.get("/", dependencies=[allows(Action.READ)])
def show_overview(visit: Visiting) -> Response:
    """Every stage with its counts."""
    with reading(visit.engine) as session:
        counts = count_stages(session)
        current = find_current_version(session)
        review = visit.review(session, current) if current is not None else None
    stages = describe_stages(counts, review)
    step = next((stage.command for stage in stages if stage.figure == 0), "")
    return visit.show(OverviewPage(stages=stages, next_step=step))


def describe_stages(counts: Counts, review: Review | None) -> list[Stage]:
    """The stages in the order of the work."""
    return [*_input_stages(counts), *_vocabulary_stages(counts, review), *_output_stages(counts)]


def _input_stages(counts: Counts) -> list[Stage]:
    polar = f"{counts.positive:,} where thinking helped, {counts.negative:,} where it hurt"
    return [
        Stage(
            "Traces",
            "/traces",
            counts.traces,
            "traces",
            (f"{counts.questions:,} questions", f"{counts.thinking_traces:,} with thinking", polar),
            "mralign traces import FILE",
        ),
        Stage(
            "Open labels",
            "/runs?kind=label",
            counts.label_instances,
            "label instances",
            (f"{counts.distinct_labels:,} distinct labels", f"{counts.segments:,} segments"),
            "mralign label run",
        ),
        Stage(
            "Clusters",
            "/clusters",
            counts.clusters,
            "clusters",
            ("in the newest cluster run",),
            "mralign cluster run",
        ),
    ]


def _vocabulary_stages(counts: Counts, review: Review | None) -> list[Stage]:
    notes: tuple[str, ...] = ("none yet",)
    if review is not None:
        status = review.status.value.replace("_", " ")
        reviewed = f"{review.reviewed:,} of {len(review.groups):,} clusters reviewed"
        notes = (f"{review.name}: {status}", reviewed)
    return [
        Stage(
            "Vocabulary",
            "/vocabulary",
            len(review.categories) if review else 0,
            "categories",
            notes,
            "mralign taxonomy draft NAME --preset mr-align-15",
        ),
        Stage(
            "Controlled labels",
            "/runs?kind=annotate",
            counts.annotated_units,
            "labelled units",
            ("by consensus of two annotators",),
            "mralign annotate run",
        ),
    ]


def _output_stages(counts: Counts) -> list[Stage]:
    return [
        Stage(
            "Transitions",
            "/transitions",
            counts.annotated_traces,
            "traces to fit on",
            ("P, P⁺, P⁻ and weights",),
            "mralign annotate run",
        ),
        Stage(
            "Training set",
            "/runs?kind=export",
            counts.exports,
            "export" if counts.exports == 1 else "exports",
            ("with spans and weights",),
            "mralign export",
        ),
        Stage(
            "Policy",
            "/runs?kind=train",
            counts.training_runs,
            "training run" if counts.training_runs == 1 else "training runs",
            (f"{counts.evaluation_runs:,} evaluations",),
            "mralign export --train --policy POLICY",
        ),
    ]
