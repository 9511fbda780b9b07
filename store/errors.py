"""Errors of the field: each message says what was expected, what came, and what to do."""


class MralignError(Exception):
    """Anything that a user can mend; the command line prints it without a traceback."""


class NotFound(MralignError):
    """A row that was asked for by its name or number does not exist."""


class Conflict(MralignError):
    """Somebody else changed the row since it was read."""


class InvalidInput(MralignError):
    """A value from outside breaks a rule that the message states."""


class SchemaMismatch(MralignError):
    """The database is older or newer than this version of mralign."""


class NotPermitted(MralignError):
    """The person's role does not allow the action."""


class FrozenVersion(MralignError):
    """A frozen taxonomy version never changes; a new version does."""
