"""Suggestions as those who made them read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from taxonomy.suggestions.suggesting import Kept
from taxonomy.suggestions.wording import names_then, tell_change

SAID = {
    "open": "waits for a curator; other reviewers do not see it",
    "adopted": "adopted",
    "another": "another suggestion was adopted",
    "declined": "declined",
    "done": "it is so by now",
    "withdrawn": "withdrawn",
}


@dataclass(frozen=True)
class SuggestionLine:
    """A suggestion as the one who made it sees it: what they would do, and what came of it."""

    act: int
    what: str
    fate: str
    said: str
    reason: str
    changes: Sequence[str]  # what became of its subject since, while it waits
    when: datetime
    about_categories: bool

    @property
    def deed(self) -> str:
        """What the person did."""
        return f"suggested to {self.what}"

    @property
    def waits(self) -> bool:
        """Whether it may still be withdrawn."""
        return self.fate in ("open", "done")


def as_line(own: Kept) -> SuggestionLine:
    """A suggestion with what came of it, under the names that its subject had."""
    one = own.suggestion
    what = tell_change(one, names_then(one))
    changes = own.upshot.changes if own.fate == "open" else ()
    return SuggestionLine(
        one.act, what, own.fate, SAID[own.fate], own.reason, changes, own.at, "key" in one.payload
    )
