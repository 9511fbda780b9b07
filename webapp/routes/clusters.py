"""The clusters: as a list, one by one, and those labels that are in none."""

from collections.abc import Sequence, Set
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from sqlmodel import Session
from starlette.responses import Response

from store.engine import reading
from store.verdicts import get_rules
from taxonomy.review.curation import Group
from taxonomy.review.layering import read_anchor
from taxonomy.suggestions.suggesting import list_own
from webapp.deciding.choices import rank_choices
from webapp.dependencies import RowId, Visit, Visiting, allows
from webapp.pages.review import ClusterPage, ClustersPage, Column, HistoryPage, NoisePage
from webapp.queries.examples import Examples, list_examples
from webapp.review.blindness import is_blind
from webapp.review.history import (
    EventLine,
    find_act,
    find_line,
    list_acts,
    list_lines,
    list_numbered,
)
from webapp.review.proposals import Division, divide, tell
from webapp.review.reviews import Review, label_run_of
from webapp.review.sorting import COLUMNS, SHOWN, filter_groups, sort_groups
from webapp.review.steadiness import find_solidity
from webapp.review.suggested import SuggestionLine, as_line
from webapp.serving.permissions import Action

router = APIRouter(prefix="/versions/{version_id}")
PAGE_ROWS = 50
LABELS_SHOWN = 300
RECENT = 5
SUGGESTIONS = 20

Anchor = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_.-]+$")]
PageNumber = Annotated[int, Query(ge=1, le=100_000)]
Done = Annotated[int | None, Query(ge=1 - 2**31, le=2**31 - 1)]  # below 0: minus a verdict
Words = Annotated[str, Query(max_length=200)]


def notice_of(
    visit: Visit, session: Session, version_id: int, done: int | None
) -> EventLine | None:
    """The decision that the visitor just made, to be told of and perhaps taken back."""
    if done is None or visit.viewer is None:
        return None
    if done < 0:
        return find_act(session, version_id, -done, visit.viewer)
    blind = is_blind(visit.viewer, get_rules(session, version_id).overlap)
    return find_line(session, version_id, done, visit.viewer.person_id if blind else None)


def list_suggested(
    visit: Visit, session: Session, version_id: int, about: Set[str] | None = None
) -> list[SuggestionLine]:
    """What the visitor suggested, the newest first; perhaps only about clusters of some labels.

    Whoever answers suggestions makes none.
    """
    if visit.viewer is None or visit.may(Action.SETTLE):
        return []
    own = list_own(session, version_id, visit.viewer.person_id)
    return [
        as_line(one)
        for one in own
        if about is None or any(not about.isdisjoint(p.keys) for p in one.suggestion.parts)
    ]


@router.get("/clusters", dependencies=[allows(Action.READ)])
def show_clusters(
    visit: Visiting,
    version_id: RowId,
    q: Words = "",
    show: str = "all",
    sort: str = "-instances",
    page: PageNumber = 1,
    done: Done = None,
) -> Response:
    """A page of the list."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        notice = notice_of(visit, session, version_id, done)
    words = " ".join(q.split())
    show = show if show in SHOWN else "all"
    found = sort_groups(review, filter_groups(review, words, show), sort)
    start = PAGE_ROWS * (page - 1)
    kept = {"q": words, "show": show}

    def address(**changes: object) -> str:
        return "?" + urlencode({**kept, "sort": sort, **changes})

    return visit.show(
        ClustersPage(
            review=review,
            rows=found[start : start + PAGE_ROWS],
            found=len(found),
            columns=_columns(kept, sort),
            words=words,
            show=show,
            sort=sort,
            earlier=address(page=page - 1) if page > 1 else "",
            later=address(page=page + 1) if start + PAGE_ROWS < len(found) else "",
            notice=notice,
        )
    )


def _columns(kept: dict[str, str], sort: str) -> list[Column]:
    columns = []
    for key, name in COLUMNS.items():
        order = {key: "ascending", f"-{key}": "descending"}.get(sort, "none")
        numeric = key in ("size", "instances", "cohesion")
        target = f"-{key}" if (order == "none" and numeric) or order == "ascending" else key
        columns.append(Column(name, "?" + urlencode({**kept, "sort": target}), order))
    return columns


@router.get("/clusters/{anchor}", dependencies=[allows(Action.READ)])
def show_cluster(
    visit: Visiting,
    version_id: RowId,
    anchor: Anchor,
    done: Done = None,
    divided: bool = False,
) -> Response:
    """One cluster with its labels, its examples, and what can be decided.

    `divided` ticks the labels that the machine would split off.
    """
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        group = review.group(anchor)
        division = divide(session, review, group) if divided else Division()
        # Those that are ticked come first: what one confirms is what one sees.
        shown = sorted(group.labels, key=lambda one: one.open_label_id not in division.label_ids)
        page = ClusterPage(
            review=review,
            group=group,
            labels=shown[:LABELS_SHOWN],
            hidden_labels=max(0, len(shown) - LABELS_SHOWN),
            choices=rank_choices(review, group),
            others=sorted(_others(review, group), key=lambda other: other.name.casefold()),
            examples=_examples(session, review, group),
            told=tell(session, review, group),
            division=division,
            solidity=find_solidity(session, review, anchor),
            comments=list_numbered(session, group.comments),
            suggested=list_suggested(
                visit, session, version_id, {label.key for label in group.labels}
            )[:SUGGESTIONS],
            recent=list_lines(session, version_id, limit=RECENT, blind_to=visit.blind_to(review)),
            earlier=_neighbour(review.groups, group, -1),
            later=_neighbour(review.groups, group, 1),
            unreviewed=review.next_unreviewed(anchor),
            notice=notice_of(visit, session, version_id, done),
        )
        return visit.show(page)


def _others(review: Review, group: Group) -> list[Group]:
    return [other for other in review.groups if other.anchor != group.anchor]


def _examples(session: Session, review: Review, group: Group) -> Examples:
    if review.cluster_run_id is None or review.label_run_id is None:
        return Examples([], [])
    ids = [label.open_label_id for label in group.labels]
    _, layer = read_anchor(group.anchor)
    if layer is not None and (label_run := label_run_of(session, layer)) is not None:
        return list_examples(session, layer, label_run, ids)
    return list_examples(session, review.cluster_run_id, review.label_run_id, ids)


def _neighbour(groups: Sequence[Group], group: Group, step: int) -> Group | None:
    place = [other.anchor for other in groups].index(group.anchor) + step
    return groups[place] if 0 <= place < len(groups) else None


@router.get("/noise", dependencies=[allows(Action.READ)])
def show_noise(
    visit: Visiting, version_id: RowId, page: PageNumber = 1, done: Done = None
) -> Response:
    """The labels that are in no cluster."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        notice = notice_of(visit, session, version_id, done)
    start = LABELS_SHOWN * (page - 1)
    later = f"?page={page + 1}" if start + LABELS_SHOWN < len(review.noise) else ""
    rows = review.noise[start : start + LABELS_SHOWN]
    return visit.show(NoisePage(review=review, labels=rows, later=later, notice=notice))


@router.get("/history", dependencies=[allows(Action.READ)])
def show_history(
    visit: Visiting,
    version_id: RowId,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    done: Done = None,
) -> Response:
    """Every decision, the newest first."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        lines = list_lines(session, version_id, before=before, blind_to=visit.blind_to(review))
        acts = list_acts(session, version_id, visit.viewer) if visit.viewer and review.blind else []
        suggested = list_suggested(visit, session, version_id)
        notice = notice_of(visit, session, version_id, done)
    later = f"?before={lines[-1].revision}" if lines and lines[-1].revision > 1 else ""
    return visit.show(
        HistoryPage(
            review=review, lines=lines, acts=acts, suggested=suggested, later=later, notice=notice
        )
    )
