"""What a reviewer can decide, and the words of it that last."""

import re
import unicodedata
from dataclasses import dataclass

NAME_LIMIT = 200
TEXT_LIMIT = 4000
KEY_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,99}")


class DecisionError(ValueError):
    """A decision breaks a rule that the message states."""


class UnknownNameError(DecisionError):
    """A decision names a group, a label or a category that is not there."""


@dataclass(frozen=True)
class Rename:
    """Give a group another name, and another definition if one is given."""

    anchor: str
    name: str
    definition: str | None = None


@dataclass(frozen=True)
class Merge:
    """Put groups together; the first keeps its anchor, category, and without `name` its name."""

    anchors: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True)
class Assign:
    """Put a whole group, or single labels, into a category; None leaves them unassigned."""

    anchor: str | None = None
    label_ids: tuple[int, ...] = ()
    category: str | None = None


@dataclass(frozen=True)
class MarkNoise:
    """Say that labels belong to no category."""

    label_ids: tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """Take labels out of a group and make a group of them."""

    anchor: str
    label_ids: tuple[int, ...]
    name: str


@dataclass(frozen=True)
class Gather:
    """Make a group of labels, whatever groups they are in; one that loses all of them ends."""

    label_ids: tuple[int, ...]
    name: str


@dataclass(frozen=True)
class AddCategory:
    """Add a category at the end of the vocabulary."""

    key: str
    name: str
    macro_strategy: str
    definition: str
    scope_note: str = ""
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class EditCategory:
    """Change the texts of a category; None leaves a text as it is."""

    key: str
    name: str | None = None
    macro_strategy: str | None = None
    definition: str | None = None
    scope_note: str | None = None
    examples: tuple[str, ...] | None = None
    counter_examples: tuple[str, ...] | None = None


@dataclass(frozen=True)
class RetireCategory:
    """Take a category out; its labels go `into` another, or become unassigned."""

    key: str
    into: str | None = None


@dataclass(frozen=True)
class Remark:
    """Say something about a group without deciding: `kind` is flag, skip or comment.

    With labels instead of an anchor it is about the groups that they are in.
    """

    anchor: str | None
    kind: str
    text: str = ""
    label_ids: tuple[int, ...] = ()


Decision = (
    Rename
    | Merge
    | Assign
    | MarkNoise
    | Split
    | Gather
    | Remark
    | AddCategory
    | EditCategory
    | RetireCategory
)
# What changes the clusters or categories themselves, for everybody.
Structural = Rename | Merge | Split | Gather | AddCategory | EditCategory | RetireCategory
REMARKS = frozenset({"flag", "skip", "comment"})
STRUCTURAL_KINDS = frozenset(
    {"rename", "merge", "split", "add_category", "edit_category", "retire_category"}
)


def clean_line(text: str, what: str, limit: int = NAME_LIMIT) -> str:
    """The text on one line, spaces single.

    Raises:
        DecisionError: it is empty, too long, or holds control characters.
    """
    line = " ".join(text.split())
    if not line or len(line) > limit:
        raise DecisionError(f"expected {what} of 1 to {limit} characters, got {len(line)}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in line):
        raise DecisionError(f"expected {what} without control characters; take them out")
    return line


def clean_optional(text: str, what: str) -> str:
    """The text on one line, or nothing."""
    return clean_line(text, what, TEXT_LIMIT) if text.strip() else ""


def clean_key(key: str) -> str:
    """The key of a category: lower-case letters, digits and underscores.

    Raises:
        DecisionError: it has another form.
    """
    if not KEY_PATTERN.fullmatch(key):
        raise DecisionError(
            "expected a key of lower-case letters, digits and underscores that starts with a "
            f"letter, such as self_verification, got {key[:100]!r}"
        )
    return key
