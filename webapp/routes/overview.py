"""The pipeline from left to right, and the map of keys."""

from fastapi import APIRouter
from starlette.responses import Response

from store.engine import reading
from store.tables import TaxonomyVersion
from store.taxonomies import find_version
from webapp.dependencies import Visiting, allows
from webapp.keymap import KEYS
from webapp.pages import KeysPage, OverviewPage, Stage
from webapp.permissions import Action
from webapp.queries.counts import Counts, count_stages
from webapp.reviews import find_current_version

router = APIRouter()


@router.get("/", dependencies=[allows(Action.READ)])
def show_overview(visit: Visiting) -> Response:
    """Every stage with its counts."""
    with reading(visit.engine) as session:
        counts = count_stages(session)
        current = find_current_version(session)
        version = find_version(session, current) if current is not None else None
        stages = describe_stages(counts, version)
    step = next((stage.command for stage in stages if stage.figure == 0), "")
    return visit.show(OverviewPage(stages=stages, next_step=step))


@router.get("/keys", dependencies=[allows(Action.READ)])
def show_keys(visit: Visiting) -> Response:
    """The keys that the pages know, for those who look them up without a script."""
    return visit.show(KeysPage(keys=KEYS))


def describe_stages(counts: Counts, version: TaxonomyVersion | None) -> list[Stage]:
    """The stages in the order of the work."""
    return [*_input_stages(counts), *_vocabulary_stages(counts, version), *_output_stages(counts)]


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


def _vocabulary_stages(counts: Counts, version: TaxonomyVersion | None) -> list[Stage]:
    notes = ("none yet",)
    if version is not None:
        notes = (f"{version.name}: {version.status.value.replace('_', ' ')}",)
    return [
        Stage(
            "Vocabulary",
            "/vocabulary",
            version.revision if version else 0,
            "decisions",
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
            counts.annotated_units,
            "units to move between",
            ("P, P⁺, P⁻ and weights",),
            "mralign annotate run",
        ),
        Stage(
            "Training set",
            "/runs?kind=export",
            counts.exports,
            "exports",
            ("with spans and weights",),
            "mralign export",
        ),
        Stage(
            "Policy",
            "/runs?kind=train",
            counts.training_runs,
            "training runs",
            (f"{counts.evaluation_runs:,} evaluations",),
            "mralign export --train --policy POLICY",
        ),
    ]
