"""Annotators and an adjudicator at endpoints: asked at once, in batches, or only in rehearsal."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from mralign.endpoint import Waiting, answer_in_batches, paid_by, rehearsal, show_forecasts
from mralign.terminal import say

if TYPE_CHECKING:
    import sqlalchemy as sa

    from annotator.labeling.run import Vocabulary
    from annotator.labeling.work import Prepare
    from annotator.language_models.chat_panel import ChatPanel
    from gateway.budget import Budget
    from gateway.door import Door
    from gateway.roles import Role, RoleSettings
    from store.tables import Run

SECOND_DRAW = (0.7, 1)  # temperature and seed of annotator B where A is the same model


def run_panel(
    engine: "sa.Engine",
    vocabulary: "Vocabulary",
    roles: "Mapping[Role, RoleSettings]",
    cap: "Budget",
    job: dict[str, Any],
    waiting: Waiting | None = None,
) -> "Run":
    """Annotate by models; with `waiting`, by batches: a reply that is kept is not asked for."""
    from annotator.labeling.run import rehearse_annotation
    from annotator.language_models.endpoint import endpoint_panel
    from gateway.gathering import open_gathering

    at_once = min(role.at_once for role in roles.values())
    with open_doors(engine, roles, cap) as doors:
        if waiting is None:
            a, b, judge = (door.ask for door in doors)
            panel = endpoint_panel(a, b, judge, vocabulary.categories, at_once)
            return _annotate(engine, vocabulary, panel, doors, paid_by(*doors), job)
        with open_gathering(engine, cap) as gathering:
            joined = zip(doors, roles.values(), strict=True)
            a, b, judge = (gathering.join(door, role).ask for door, role in joined)
            panel = endpoint_panel(a, b, judge, vocabulary.categories, at_once)

            def prepare(run: "Run") -> None:
                paid_by(*doors)(run)
                answer_in_batches(
                    gathering, run,
                    lambda: rehearse_annotation(engine, panel.annotate, resume=run.id),
                    waiting, job["on_progress"],
                )  # fmt: skip

            return _annotate(engine, vocabulary, panel, doors, prepare, job)


def _annotate(
    engine: "sa.Engine",
    vocabulary: "Vocabulary",
    panel: "ChatPanel",
    doors: "Sequence[Door]",
    prepare: "Prepare",
    job: dict[str, Any],
) -> "Run":
    from annotator.labeling.run import run_annotation
    from annotator.language_models.endpoint import panel_prompt_hash

    a, b, judge = doors
    if b.seed == SECOND_DRAW[1] and a.model == b.model:
        say(f"A and B are two draws of one model, {a.model}: they are not independent.")
    name = f"A {a.model}, B {b.model}, adjudicator {judge.model}"[:200]
    return run_annotation(
        engine, panel, vocabulary, model=name, prompt_hash=panel_prompt_hash(), prepare=prepare,
        **job,
    )  # fmt: skip


@contextmanager
def open_doors(
    engine: "sa.Engine", roles: "Mapping[Role, RoleSettings]", cap: "Budget"
) -> "Iterator[tuple[Door, Door, Door]]":
    """The doors of A, B and the adjudicator; B draws anew where A would send the same requests."""
    from gateway.door import open_role

    with ExitStack() as doors:
        a, b, judge = (doors.enter_context(open_role(engine, role, cap)) for role in roles.values())
        if (a.model, a.temperature, a.seed) == (b.model, b.temperature, b.seed):
            b.temperature, b.seed = SECOND_DRAW  # a kept reply of A's would be given to B
        yield a, b, judge


def rehearse_panel(
    engine: "sa.Engine",
    vocabulary: "Vocabulary",
    roles: "Mapping[Role, RoleSettings] | None",
    cap: "Budget",
    limit: int | None,
    resume: int | None,
) -> None:
    """Show what a run would send; of the adjudicator the most, since it depends on the others."""
    from annotator.labeling.run import rehearse_annotation
    from annotator.language_models.endpoint import endpoint_panel

    if not roles:
        say("Offline nothing is sent.")
        return
    with open_doors(engine, roles, cap) as doors:
        each = [rehearsal(d, r) for d, r in zip(doors, roles.values(), strict=True)]
        a, b, judge = (stand_in.ask for stand_in in each)
        panel = endpoint_panel(a, b, judge, vocabulary.categories)
        traces = rehearse_annotation(engine, panel.rehearse, limit, resume)
    show_forecasts(traces, {r: e.forecast() for r, e in zip(roles, each, strict=True)})
