"""Reviewing from the command line: what comes next, and another clustering under a version."""

from typing import Annotated

import typer

from mralign.database import open_database
from mralign.terminal import say, show_table
from mralign.version_names import name_or_number
from store.engine import reading, transaction
from store.errors import NotFound
from store.people import list_people
from store.taxonomies import get_version
from taxonomy.guidance.queue import Outlook
from taxonomy.review.curation import ReviewState, get_review_state
from taxonomy.review.portions import Portion
from taxonomy.review.priority import line_up
from taxonomy.review.reclustering import Comparison, compare_whole, take_portion
from taxonomy.review.reclustering import recluster as change_clustering
from taxonomy.review.shifts import Shift
from taxonomy.suggestions.suggesting import list_matters
from taxonomy.suggestions.wording import tell_change

Name = Annotated[str, typer.Argument(help="The version's name or number.")]


def queue(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="Clusters, and single labels.")] = 15,
) -> None:
    """Say what to decide next, what that is expected to put right, and whether more review pays.

    A gain is in percent of the inventory, instances counted three to one against labels.
    """
    with reading(open_database()) as session:
        version = get_version(session, name_or_number(name))
        state = get_review_state(session, version.id)
    _show_clusters(state, limit)
    if state.prospects is None:
        say("single labels and gains: none, for the cluster run kept no guesses")
        return
    rows = [
        (label.text, label.instances, label.category or label.origin, label.doubt,
         f"{100 * question.gain:.2f}", "again" if question.again else "")
        for label, question in state.doubtful[:limit]
    ]  # fmt: skip
    columns = ("label", "instances", "as it stands", "doubt", "gain %", "")
    show_table(columns, rows, title="Single labels, the most telling first")
    say(describe_outlook(state.prospects.outlook))


def _show_clusters(state: ReviewState, limit: int) -> None:
    waiting = line_up(state.groups, state.gains)
    rows = [
        (
            one.group.name,
            len(one.group.labels),
            one.group.instances,
            one.group.category or "none",
            one.doubt,
            f"{100 * one.weight:.2f}" if state.gains is not None else "",
            one.reason,
        )
        for one in waiting[:limit]
    ]
    columns = ("cluster", "labels", "instances", "leans to", "doubt", "gain %", "why")
    show_table(columns, rows, title=f"Clusters that wait: {len(waiting)}")


def describe_outlook(outlook: Outlook) -> str:
    """How right the assignments are expected to be, and whether more answers pay, in words."""
    now, after = 100 * outlook.expected_right, 100 * outlook.expected_after
    pays = "more review pays" if outlook.pays else "more review hardly pays"
    return (
        f"expected to be right: {now:.1f} % as it stands, {after:.1f} % after "
        f"{outlook.answers} more answers; {pays}"
    )


def suggestions(name: Name) -> None:
    """List what reviewers who work blind would change for everybody, and who suggests it.

    A curator adopts or declines it on the page of disagreements.
    """
    with reading(open_database()) as session:
        version = get_version(session, name_or_number(name))
        people = {person.id: person.name for person in list_people(session)}
        matters = list_matters(session, version.id)
    rows = [
        (
            min(change.acts),
            tell_change(change.suggestions[0], change.upshot.names),
            ", ".join(people[number] for number in change.people),
            "; ".join(change.upshot.changes),
            "" if change.print else "no",
        )
        for matter in matters
        for change in matter.changes
    ]
    if rows:
        columns = ("number", "suggested", "by", "since then", "possible")
        show_table(columns, rows, title="Suggestions that wait")
    say(f"{len(matters)} to answer")


def recluster(
    name: Name,
    cluster_run: Annotated[int, typer.Option(help="The cluster run to go over to.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without this the difference is shown only.")
    ] = False,
    category: Annotated[
        list[str] | None,
        typer.Option(help="Take only what this category has there, - for none; repeatable."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; it stays in the version's log.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Clusters, and labels.")] = 20,
) -> None:
    """Show what another clustering changes in a review; with --apply, go over to it.

    Every decision stays: decisions name labels, not clusters. The way back is the earlier run, or
    undo on the page of other clusterings.
    """
    engine = open_database()
    with reading(engine) as session:
        version = get_version(session, name_or_number(name))
        found = compare_whole(session, version.id, cluster_run)
    _show_shift(found.shift, limit)
    _show_portions(found)
    portions = [_choose(found, key) for key in category or ()]
    if not apply:
        say(f"nothing is changed; add --apply to put {version.name} on cluster run {cluster_run}")
        return
    with transaction(engine) as session:
        for portion in portions:
            event = take_portion(
                session, version.id, cluster_run, portion, person=None, reason=reason
            )
            say(f"{portion.category or 'no category'}: {len(portion.keys)} labels went over, "
                f"revision {event.revision}")  # fmt: skip
        if portions:
            return
        event = change_clustering(session, version.id, cluster_run, person=None, reason=reason)
    say(f"{version.name} stands on cluster run {cluster_run} now, revision {event.revision}")


def _choose(found: Comparison, key: str) -> Portion:
    """What a category has there; the name - means none.

    Raises:
        NotFound: it has nothing to take.
    """
    portion = found.find(None if key == "-" else key)
    if portion is None:
        raise NotFound(f"expected a category that has labels to take, but {key[:100]!r} has none")
    return portion


def _show_portions(found: Comparison) -> None:
    rows = [
        (one.category or "none", len(one.keys), one.coming.labels, one.fresh.labels,
         one.leaving.labels, one.instances, one.sureness)
        for one in found.portions
    ]  # fmt: skip
    columns = ("category", "labels there", "come in", "new", "leave", "instances", "how sure")
    show_table(columns, rows, title="By category")


def _show_shift(shift: Shift, limit: int) -> None:
    groups = [
        (each.change, ", ".join(each.before), ", ".join(each.after), each.instances)
        for each in shift.groups[:limit]
    ]
    if groups:
        show_table(("clusters", "from", "to", "instances"), groups)
    moved = [
        (each.text, each.before or "none", each.after or "none", each.instances)
        for each in shift.moved[:limit]
    ]
    if moved:
        show_table(("label", "from", "to", "instances"), moved)
    say(
        f"labels: {shift.added.labels} new ({shift.added.instances} instances), "
        f"{shift.gone.labels} gone ({shift.gone.instances}), {len(shift.moved)} change category "
        f"({sum(each.instances for each in shift.moved)}); {shift.reviewed.labels} reviewed ones "
        f"stay ({shift.reviewed.instances})"
    )
    say(
        f"clusters: {shift.kept_groups} stay, {len(shift.groups)} change; decisions: "
        f"{shift.decisions_hold} hold, {shift.decisions_hold_in_part} hold for the labels that "
        f"are left, {shift.decisions_without_labels} have no label left"
    )
