"""Blind review: verdicts become decisions once enough people agree; else they are disputes."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session

from store import audit, verdicts
from store.audit import Actor
from store.errors import Conflict, InvalidInput, NotFound
from store.reviews import lock_version
from store.tables import ReviewEvent
from store.taxonomies import get_version
from taxonomy.events.state import State
from taxonomy.review.curation import Assign, Checked, Decision, MarkNoise, check, decide, undo
from taxonomy.review.standing import stand
from taxonomy.review.verdicts import (
    Choice,
    Dispute,
    Opinion,
    choose,
    gather_disputes,
    is_settled,
    rule,
)


def judge(
    session: Session,
    version_id: int,
    decision: Assign | MarkNoise,
    *,
    person: Actor,
    seen_revision: int | None,
) -> int:
    """Write down where a person says that labels belong; the number of the deed.

    Labels that were settled meanwhile are left out. Where the last reviewer that is needed says
    the same as the others, the verdict becomes a decision.

    Raises:
        Conflict: all of the labels were settled meanwhile.
        NotFound, FrozenVersion, InvalidInput: as for a decision.
    """
    checked = check(session, version_id, decision, seen_revision=seen_revision)
    keys = [key for key in checked.payload["labels"] if not is_settled(_state(checked), key)]
    if not keys:
        raise Conflict("this was settled meanwhile; look at it again")
    noise = checked.kind == "mark_noise"
    category = checked.payload.get("category")
    act = verdicts.add_verdicts(session, checked.version, person, keys, category, noise)
    subject = f"taxonomy {checked.version.name}"
    audit.record(session, person, "review.verdict", subject, act=act, labels=len(keys))
    settle(session, version_id, keys, person=person)
    return act


def _state(checked: Checked) -> State:
    return checked.standing.state


def settle(
    session: Session, version_id: int, keys: Sequence[str] | None = None, *, person: Actor | None
) -> None:
    """Decide what enough reviewers agree on, of some labels or of all."""
    rules = verdicts.get_rules(session, version_id)
    standing = stand(session, get_version(session, version_id))
    ids = {key: label_id for label_id, key in standing.clustering.keys.items()}
    opinions = read_opinions(session, version_id, standing.state, keys)
    waiting = (one for one in opinions if not is_settled(standing.state, one.key))
    for choice, agreed in rule(waiting, rules.overlap).agreed.items():
        decision = as_decision(choice, [ids[key] for key in agreed])
        why = f"agreed by {rules.overlap} reviewers"
        event = decide(session, version_id, decision, person=person, seen_revision=None, reason=why)
        verdicts.link_event(session, version_id, agreed, event.id)


def as_decision(choice: Choice, label_ids: Iterable[int]) -> Assign | MarkNoise:
    """The decision that puts labels where a choice says."""
    numbers = tuple(label_ids)
    if choice.noise:
        return MarkNoise(numbers)
    return Assign(label_ids=numbers, category=choice.category or None)


def read_opinions(
    session: Session, version_id: int, state: State, keys: Sequence[str] | None = None
) -> list[Opinion]:
    """The verdicts that stand, by the categories of now."""
    return [
        Opinion(row.person_id, row.label_key, choose(state, row.category, row.noise))
        for row in verdicts.list_standing(session, version_id, keys=keys)
    ]


def withdraw(session: Session, version_id: int, act: int, *, person: Actor) -> None:
    """Take a verdict of one's own back, and the decision that it became.

    Raises:
        NotFound: the person has no such verdict.
        InvalidInput: it is withdrawn already, or the version takes no decisions.
        FrozenVersion: the version never changes.
    """
    version = lock_version(session, version_id)
    rows = verdicts.list_act(session, version_id, act, person.id)
    if not rows:
        raise NotFound(f"expected a verdict {act} of yours, found none")
    if any(row.withdrawn_at is not None for row in rows):
        raise InvalidInput(f"expected a verdict that stands, but {act} is withdrawn")
    for event_id in {row.event_id for row in rows if row.event_id is not None}:
        _take_back(session, version_id, event_id, person)
    verdicts.withdraw(session, rows)
    audit.record(session, person, "review.withdraw", f"taxonomy {version.name}", act=act)


def _take_back(session: Session, version_id: int, event_id: int, person: Actor) -> None:
    in_force = {event.id for event in stand(session, get_version(session, version_id)).in_force}
    if event_id in in_force:
        why = "a reviewer withdrew"
        undo(session, version_id, person=person, event_id=event_id, seen_revision=None, reason=why)
    verdicts.unlink_event(session, event_id)


def list_disputes(session: Session, version_id: int) -> list[Dispute]:
    """Where reviewers differ and nobody decided, by falling count of instances."""
    state = stand(session, get_version(session, version_id)).state
    opinions = read_opinions(session, version_id, state)
    return gather_disputes(state, opinions, verdicts.get_rules(session, version_id).overlap)


def resolve(
    session: Session,
    version_id: int,
    decision: Decision,
    keys: Sequence[str],
    *,
    person: Actor,
    seen_revision: int | None,
    reason: str,
) -> ReviewEvent:
    """Decide a dispute, with a reason.

    Raises:
        InvalidInput: no reason is given.
        NotFound, Conflict, FrozenVersion: as for a decision.
    """
    if not reason.strip():
        raise InvalidInput("expected a reason, got none; say why")
    event = decide(
        session, version_id, decision, person=person, seen_revision=seen_revision, reason=reason
    )
    verdicts.link_event(session, version_id, keys, event.id)
    return event
