"""The keys that the pages know, and those that a person changed for themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Binding:
    """A deed and the key that does it, on the pages of a place."""

    name: str
    key: str
    what: str


EVERYWHERE = "Everywhere"
PLACES: Mapping[str, Sequence[Binding]] = {
    EVERYWHERE: (
        Binding("go", "g", "go to: the next key says where"),
        Binding("guidelines", "h", "how to decide: the guidelines"),
        Binding("undo", "u", "undo the last decision"),
        Binding("next", "j", "next row or cluster"),
        Binding("previous", "k", "previous row or cluster"),
        Binding("filter", "/", "filter"),
        Binding("what-if", "w", "what the chosen decision would change downstream"),
    ),
    "One cluster": (
        Binding("accept", "a", "accept as it stands, and go on"),
        Binding("flag", "f", "flag it for a curator, and go on"),
        Binding("skip", "l", "leave it for later, and go on"),
        Binding("comment", "c", "comment"),
        Binding("rename", "r", "rename"),
        Binding("name-1", "i", "take the first proposed name"),
        Binding("name-2", "o", "take the second proposed name"),
        Binding("name-3", "p", "take the third proposed name"),
        Binding("merge", "m", "merge with another cluster"),
        Binding("tick", "t", "tick labels"),
        Binding("divide", "d", "tick the half that the machine would split off"),
        Binding("split", "s", "split the ticked labels off"),
        Binding("noise", "x", "mark the ticked labels as noise"),
        Binding("example", "e", "open the first example in its trace"),
        Binding("waiting", "n", "next cluster to review"),
    ),
    "Labels in no cluster": (
        Binding("noise-tick", "t", "tick labels"),
        Binding("noise-place", "c", "choose where the ticked labels go"),
    ),
    "Board": (
        Binding("lane", "y", "accept the lane with the focus, else the first"),
        Binding("lane-noise", "x", "mark the ticked clusters, or the one with the focus, as noise"),
    ),
    "Map": (
        Binding("map-noise", "x", "mark the selection as noise"),
        Binding("map-flag", "f", "flag the clusters of the selection for a curator"),
        Binding("map-gather", "s", "make a new cluster of the selection"),
        Binding("map-list", "t", "go to the list of the selection"),
        Binding("map-cluster", ".", "select the cluster of the label"),
        Binding("map-category", ",", "select the category of the label"),
        Binding("map-matches", ";", "select what the search found"),
        Binding("map-shrink", "[", "shrink the ring round the label"),
        Binding("map-grow", "]", "grow the ring round the label, and select what is in it"),
    ),
    "Disagreements": (
        Binding("say", "r", "give a reason"),
        Binding("is-noise", "x", "it is noise"),
        Binding("pass", "n", "leave it, and look at the next one"),
    ),
    "One trace": (
        Binding("by-category", "c", "colour the segments by category"),
        Binding("by-weight", "r", "colour the segments by what they weigh in training"),
    ),
    "Label segments": (Binding("later", "n", "leave the trace for later, and go to the next one"),),
    "Other clusterings": (
        Binding("go-over", "y", "go over to the other clusters whole"),
        Binding("back-over", "x", "take back the last time that labels went over"),
    ),
    "Vocabulary": (
        Binding("reason", "r", "give a reason, to submit, approve or freeze"),
        Binding("rows", "y", "approve all clean rows"),
    ),
}
FIXED: Mapping[str, Sequence[tuple[str, str]]] = {
    EVERYWHERE: (
        ("?", "show the keys of this page"),
        ("Escape", "leave a field, or close what is open"),
    ),
    "One trace": (("Enter", "open what made the weight of the segment with the focus"),),
    "Lists": (("Enter", "open the row; in the queue, begin with the first"),),
    "One cluster": (
        ("1 to 9", "choose a category"),
        ("0", "choose no category"),
        ("Enter", "put the cluster in the chosen category, and go to the next"),
    ),
    "Board": (("letters", "move the ticked clusters, or the one with the focus, to a category"),),
    "Map": (
        ("letters", "move the selection to a category"),
        ("arrows", "to the next label that way; with Shift, take it into the selection"),
        ("Space", "take the label into the selection, or out of it"),
        ("+ and -", "zoom in and out"),
        ("0", "see all of it"),
        ("1 to 4", "colour by category, cluster, doubt or reviewer"),
        ("Enter", "in the search: the next match"),
        ("Escape", "clear the selection"),
    ),
    "Label segments": (
        ("letters", "put a category on the segment, or take it off"),
        ("1, 2, 3", "take a proposal, or what one person said"),
        ("0", "no label"),
        ("+ and -", "surer and less sure of the last label"),
        ("Enter", "keep the labels, and go to the next segment; after the last, finish the trace"),
    ),
    "Other clusterings": (("1 to 9", "take what a category has there"),),
    "Disagreements": (
        ("1 to 9", "choose"),
        ("0", "choose no category; decline what is suggested"),
        ("Enter", "decide"),
    ),
}
GO = (
    ("o", "the overview"),
    ("q", "the queue"),
    ("b", "the board"),
    ("c", "the clusters"),
    ("m", "the map"),
    ("d", "the disagreements"),
    ("n", "other clusterings of the labels"),
    ("v", "the vocabulary"),
    ("t", "the traces"),
    ("p", "the transitions"),
    ("s", "the studies"),
    ("r", "the runs"),
)
DEFAULTS = {binding.name: binding.key for place in PLACES.values() for binding in place}
RESERVED = frozenset("0123456789? ")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def bound_keys(own: Mapping[str, str]) -> dict[str, str]:
    """The key of each deed: a person's own where they changed it."""
    return {name: own.get(name, key) for name, key in DEFAULTS.items()}


def check_keys(wanted: Mapping[str, str]) -> dict[str, str]:
    """Those of the wanted keys that differ from ours.

    Raises:
        InvalidInput: a key is none, means something else, or would mean two things on one page.
    """
    keys = bound_keys(wanted)
    for name, key in keys.items():
        if len(key) != 1 or not key.isprintable() or key in RESERVED:
            raise InvalidInput(
                f"expected one character for {name} that is no digit, space or question mark, "
                f"got {key[:20]!r}"
            )
    everywhere = PLACES[EVERYWHERE]
    for place, bindings in PLACES.items():
        _require_apart(place, [*everywhere, *(bindings if place != EVERYWHERE else ())], keys)
    return {name: key for name, key in keys.items() if key != DEFAULTS[name]}


def _require_apart(place: str, bindings: Sequence[Binding], keys: Mapping[str, str]) -> None:
    seen: dict[str, Binding] = {}
    for binding in bindings:
        key = keys[binding.name]
        if key in seen:
            raise InvalidInput(
                f"expected a key for one deed, but in “{place}” {key!r} would mean both "
                f"“{seen[key].what}” and “{binding.what}”; choose another"
            )
        seen[key] = binding


def free_letters(keys: Mapping[str, str], where: str) -> str:
    """The letters that mean nothing yet on the pages of a place."""
    taken = {keys[binding.name] for place in (EVERYWHERE, where) for binding in PLACES[place]}
    return "".join(letter for letter in LETTERS if letter not in taken)


def board_letters(keys: Mapping[str, str]) -> str:
    """The letters that are free to move clusters on the board."""
    return free_letters(keys, "Board")


def label_letters(names: Sequence[str], keys: Mapping[str, str]) -> list[str]:
    """A letter for each category: the first of its name that is free, else the first free one.

    Categories past the last letter have none.
    """
    free = free_letters(keys, "Label segments")
    found: list[str] = []
    for name in names:
        own = [letter for letter in name.casefold() if letter in free and letter not in found]
        rest = [letter for letter in free if letter not in found]
        found.append((own or rest or [""])[0])
    return found
