"""What a run left behind: its main figures, and links to where its results are."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from store.states import RunKind, RunStatus
from store.tables import Run, TaxonomyVersion
from webapp.queries.runs import ExportRow, Training

MATCHES = {"plain": "plain match", "squad": "SQuAD-normalised"}
CLUSTER_FIGURES = (
    ("clusters", "Clusters"),
    ("labels", "Labels"),
    ("outside", "Labels outside of every cluster"),
    ("near", "of them near one"),
    ("silhouette", "Silhouette (cosine, of the clustered)"),
    ("coverage", "Share of the tried labels that are clustered"),
    ("proposed", "Clusters with a proposed category"),
    ("seed_ari", "Agreement with another seed (ARI)"),
)
WEIGHT_FIGURES = (
    ("mean", "Mean weight of a token"),
    ("min", "Least weight"),
    ("max", "Greatest weight"),
    ("share_of_tokens_not_1", "Share of tokens that weigh other than 1"),
    ("share_of_segments_clipped", "Share of segments whose weight is clipped"),
)


@dataclass(frozen=True)
class Results:
    """Main figures in words, and where to go on: a name and an address each."""

    figures: Sequence[tuple[str, str]]
    links: Sequence[tuple[str, str]]


def results_of(
    session: Session, run: Run, training: Training | None, export: ExportRow | None
) -> Results:
    """What is worth knowing first."""
    return Results(figures_of(run), _links(session, run, training, export))


def figures_of(run: Run) -> list[tuple[str, str]]:
    """The main figures by the kind of the run; none where it has not come so far."""
    if run.kind == RunKind.CLUSTER:
        return _named(run.metrics, CLUSTER_FIGURES)
    weights = run.metrics.get("weights")
    if run.kind == RunKind.TRAIN and isinstance(weights, Mapping):
        return _named(weights, WEIGHT_FIGURES)
    if run.kind == RunKind.EVALUATE:
        return [row for title, arm in run.metrics.items() if isinstance(arm, Mapping)
                for row in _arm(str(title), arm)]  # fmt: skip
    return []


def _named(metrics: Mapping[str, Any], names: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    found = ((words, metrics.get(name)) for name, words in names)
    return [(words, _number(value)) for words, value in found if value is not None]


def _arm(title: str, arm: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for how, words in MATCHES.items():
        scores = arm.get(how)
        for name, shown in (("acc", "Acc"), ("mis", "Mis")):
            estimate = scores.get(name) if isinstance(scores, Mapping) else None
            if isinstance(estimate, Mapping):
                rows.append((f"{title}: {shown}, {words}", _percent(estimate)))
    truth = arm.get("truthfulness")
    for name, shown in (("truthful", "truthful"), ("informative", "informative")):
        estimate = truth.get(name) if isinstance(truth, Mapping) else None
        if isinstance(estimate, Mapping):
            rows.append((f"{title}: {shown}", _percent(estimate)))
    return rows


def _percent(estimate: Mapping[str, Any]) -> str:
    value, low, high = (estimate.get(name) for name in ("value", "low", "high"))
    if not all(isinstance(one, int | float) for one in (value, low, high)):
        return _number(value)
    return f"{100 * value:.2f} % ({100 * low:.1f} to {100 * high:.1f})"  # type: ignore[operator]


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else "–"


def commands_onward(run: Run, training: Training) -> list[tuple[str, str]]:
    """How to go on from a training, or from what it trained."""
    found = []
    if "output" in run.parameters:
        recipe = ["mralign", "train", f"run-{run.id}-recipe.json"]
        if training.checkpoint is None:
            found.append(("Go on from the last step that save_every kept, beside the recipe",
                          [*recipe, "--resume"]))  # fmt: skip
        else:
            found.append(("Check the same recipe, and see what it would do",
                          [*recipe, "--dry-run"]))  # fmt: skip
    if training.checkpoint is not None:
        asked = ["mralign", "evaluate", "--adapter", training.checkpoint]
        found.append(("See what the policy learned", asked))
    return [(words, shlex.join(command)) for words, command in found]


def _links(
    session: Session, run: Run, training: Training | None, export: ExportRow | None
) -> list[tuple[str, str]]:
    if training is not None:
        return [(f"evaluate run {one}", f"/runs/{one}") for one in training.evaluated_by]
    if export is not None:
        return [(f"train run {one}", f"/runs/{one}") for one in export.trained_by]
    if run.kind == RunKind.CLUSTER:
        return _versions(session, run.id)
    if run.kind == RunKind.ANNOTATE and run.status in (RunStatus.SUCCEEDED, RunStatus.PARTIAL):
        return [("its transition matrices", f"/transitions?run={run.id}")]
    if run.kind in (RunKind.IMPORT, RunKind.PAIR):
        return [("the traces", "/traces")]
    return []


def _versions(session: Session, run_id: int) -> list[tuple[str, str]]:
    query = select(TaxonomyVersion).where(col(TaxonomyVersion.cluster_run_id) == run_id)
    versions = session.exec(query.order_by(col(TaxonomyVersion.id)))
    return [(f"its clusters in {one.name}", f"/versions/{one.id}/clusters") for one in versions]
