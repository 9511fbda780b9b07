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
    LABEL = "label segments"
    EDIT_CATEGORIES = "edit categories"
    DRAFT = "draft a version"
    SUBMIT = "submit a version"
    APPROVE = "approve a version"
    FREEZE = "freeze a version"
    RECLUSTER = "put a version on other clusters"
    TAKE_TRAINING_SETS = "take training sets away"
    SETTLE = "settle what reviewers differ on"
    SET_RULES = "set how a version is reviewed"
    RUN_STUDIES = "set up, adjudicate and export studies"
    KEEP_ACCOUNT = "keep one's own account"
    MANAGE_PEOPLE = "manage people"
    READ_AUDIT = "read the audit log"


PUBLIC = frozenset({Action.ENTER, Action.CHECK_HEALTH})
# What a program may not do, whatever the role of its token: it takes a person at a browser.
BROWSER_ONLY = frozenset({Action.SIGN_OUT, Action.KEEP_ACCOUNT, Action.MANAGE_PEOPLE})

_ANNOTATOR = PUBLIC | {
    Action.SIGN_OUT,
    Action.READ,
    Action.REVIEW,
    Action.LABEL,
    Action.KEEP_ACCOUNT,
}
_RESEARCHER = _ANNOTATOR | {
    Action.EDIT_CATEGORIES,
    Action.DRAFT,
    Action.SUBMIT,
    Action.TAKE_TRAINING_SETS,
}
_CURATOR = _RESEARCHER | {
    Action.APPROVE,
    Action.FREEZE,
    Action.RECLUSTER,
    Action.SETTLE,
    Action.SET_RULES,
    Action.RUN_STUDIES,
    Action.MANAGE_PEOPLE,
    Action.READ_AUDIT,
}

PERMISSIONS: dict[Role, frozenset[Action]] = {
    Role.ANNOTATOR: _ANNOTATOR,
    Role.RESEARCHER: _RESEARCHER,
    Role.CURATOR: _CURATOR,
}


def may(role: Role | None, action: Action) -> bool:
    """Whether the role allows the action; without a role only the public ones are."""
    return action in (PERMISSIONS[role] if role is not None else PUBLIC)
