"""Who may do what: the one table of roles and actions."""

from enum import StrEnum

from store.states import Role


class Action(StrEnum):
    """What a route lets somebody do; every route declares one."""

    ENTER = "enter"
    CHECK_HEALTH = "check health"
    SIGN_OUT = "sign out"
    READ = "read"
    REVIEW = "review clusters"
    EDIT_CATEGORIES = "edit categories"
    DRAFT = "draft a version"
    SUBMIT = "submit a version"
    APPROVE = "approve a version"
    FREEZE = "freeze a version"


PUBLIC = frozenset({Action.ENTER, Action.CHECK_HEALTH})

_ANNOTATOR = PUBLIC | {Action.SIGN_OUT, Action.READ, Action.REVIEW}
_RESEARCHER = _ANNOTATOR | {Action.EDIT_CATEGORIES, Action.DRAFT, Action.SUBMIT}
_CURATOR = _RESEARCHER | {Action.APPROVE, Action.FREEZE}

PERMISSIONS: dict[Role, frozenset[Action]] = {
    Role.ANNOTATOR: _ANNOTATOR,
    Role.RESEARCHER: _RESEARCHER,
    Role.CURATOR: _CURATOR,
}


def may(role: Role | None, action: Action) -> bool:
    """Whether the role allows the action; without a role only the public ones are."""
    return action in (PERMISSIONS[role] if role is not None else PUBLIC)
