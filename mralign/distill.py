"""`mralign annotate distill`, and annotating with what it wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.database import open_database
from mralign.endpoint import (
    Given,
    chosen_roles,
    paid_by,
    rehearsal,
    show_forecasts,
    spending_cap,
    watched,
)
from mralign.terminal import say, show_table
from store.errors import InvalidInput

if TYPE_CHECKING:
    import sqlalchemy as sa

    from annotator.labeling.run import Vocabulary
    from gateway.budget import Budget
    from gateway.roles import RoleSettings
    from store.tables import Run

ANNOTATOR = "annotator_a"  # the role that is asked where a head abstains


def distill(
    folder: Annotated[Path, typer.Argument(help="Where the head is written.")],
    annotate_run: Annotated[
        int | None, typer.Option(help="The annotate run to learn from; by default the newest.")
    ] = None,
    sources: Annotated[
        str, typer.Option(help="Whose labels of that run, with commas between: all of them count.")
    ] = "consensus",
) -> None:
    """Learn a small head from the labels of an annotate run, to label everything else with it.

    Penalty, sequence prior, second labels and confidences are chosen on traces that were held
    out. `mralign annotate run --distilled FOLDER` labels with it.
    """
    from annotator.distillation.run import run_distillation
    from annotator.labeling.run import load_vocabulary
    from gateway.embeddings import cached_encoder

    engine = open_database()
    names = [name.strip() for name in sources.split(",") if name.strip()]
    run, head = run_distillation(
        engine, cached_encoder(engine), lambda name: load_vocabulary(engine, name), folder,
        annotate_run, names,
    )  # fmt: skip
    say(f"distill run {run.id}: {run.message}; head {head.sha256[:12]} in {folder}")
    show_table(
        ("what was chosen", "value"),
        [(name, value) for name, value in {**head.decoding.document(), **head.details}.items()
         if isinstance(value, int | float)],
    )  # fmt: skip


@dataclass(frozen=True)
class HeadChoice:
    """A head and what becomes of what it is not sure of; confidences go from 0 to 10."""

    folder: Path | None
    abstain_below: float
    escalate: bool

    def check(self, offline: bool) -> None:
        """Refuse what makes no sense together.

        Raises:
            InvalidInput: an option of the head without a head, or one that has no effect.
        """
        if self.folder is None and (self.escalate or self.abstain_below):
            raise InvalidInput("expected --distilled FOLDER beside --abstain-below or --escalate")
        if self.escalate and not self.abstain_below:
            raise InvalidInput("expected --abstain-below beside --escalate: nothing else is sent")
        if self.escalate and offline:
            raise InvalidInput("expected --offline or --escalate, got both; leave one of them out")

    def parameters(self) -> dict[str, Any]:
        """What the run's row keeps."""
        return {"distilled": str(self.folder), "abstain_below": self.abstain_below,
                "escalate": self.escalate}  # fmt: skip

    def role(self, given: Given, model: str | None) -> "RoleSettings | None":
        """Who is asked where the head abstains, if anybody.

        Raises:
            InvalidInput: somebody is to be asked and there is no endpoint.
        """
        if not self.escalate:
            return None
        roles = chosen_roles(False, given, {ANNOTATOR: {"model": model}}, ANNOTATOR)
        if roles is None:
            raise InvalidInput("expected an endpoint for --escalate; `mralign models show`")
        return next(iter(roles.values()))


def annotate_distilled(
    engine: "sa.Engine",
    vocabulary: "Vocabulary",
    choice: HeadChoice,
    role: "RoleSettings | None",
    caps: tuple[float | None, int | None],
    job: dict[str, Any],
) -> "Run":
    """Annotate with a head; what it abstains on goes to the role, if there is one."""
    cap = spending_cap(*caps, {ANNOTATOR: role} if role else None)  # type: ignore[dict-item]
    with watched("annotate", cap) as advance:
        job = {**job, "on_progress": advance, "more_parameters": choice.parameters()}
        return _run(engine, vocabulary, choice, role, cap, job)


def _run(
    engine: "sa.Engine",
    vocabulary: "Vocabulary",
    choice: HeadChoice,
    role: "RoleSettings | None",
    cap: "Budget",
    job: dict[str, Any],
) -> "Run":
    from annotator.distillation.run import open_panel
    from annotator.labeling.run import run_annotation
    from annotator.language_models.endpoint import endpoint_annotator, panel_prompt_hash
    from gateway.door import open_role
    from gateway.embeddings import cached_encoder
    from gateway.limits import each_done

    embed, folder = cached_encoder(engine), choice.folder or Path()
    if role is None:
        panel = open_panel(embed, folder, vocabulary, choice.abstain_below)
        return run_annotation(engine, panel, vocabulary, **job)
    with open_role(engine, role, cap) as door:
        second = endpoint_annotator(door.ask, "annotator_b")
        panel = open_panel(
            embed, folder, vocabulary, choice.abstain_below,
            lambda trace: second.annotate(trace, vocabulary.categories),
            lambda call, traces: each_done(call, traces, role.at_once),
        )  # fmt: skip
        name = f"{panel.name}, else {door.model}"[:200]
        return run_annotation(
            engine,
            panel,
            vocabulary,
            model=name,
            prompt_hash=panel_prompt_hash(),
            prepare=paid_by(door),
            **job,
        )


def rehearse_distilled(
    engine: "sa.Engine",
    vocabulary: "Vocabulary",
    choice: HeadChoice,
    role: "RoleSettings | None",
    limit: int | None,
    resume: int | None,
) -> None:
    """Show what a run would send: what the head abstains on, with its neighbours."""
    from annotator.distillation.run import open_panel
    from annotator.labeling.run import rehearse_annotation
    from annotator.language_models.endpoint import endpoint_annotator
    from gateway.budget import Budget
    from gateway.door import open_role
    from gateway.embeddings import cached_encoder

    if role is None:
        say("Offline nothing is sent.")
        return
    with open_role(engine, role, Budget()) as door:
        stand_in = rehearsal(door, role)
        second = endpoint_annotator(stand_in.ask, "annotator_b")
        panel = open_panel(
            cached_encoder(engine), choice.folder or Path(), vocabulary, choice.abstain_below,
            lambda trace: second.annotate(trace, vocabulary.categories),
        )  # fmt: skip
        traces = rehearse_annotation(engine, panel.annotate, limit, resume)
    show_forecasts(traces, {ANNOTATOR: stand_in.forecast()})
