"""A version as people use it: a codebook in Markdown, and its labels as CSV."""

import csv
import io
import re
from collections.abc import Mapping, Sequence

from taxonomy.events.state import CategoryText
from taxonomy.vocabulary.contents import MappedLabel, VersionContent, count_instances

COLUMNS = ("label", "category", "macro_strategy", "origin", "instances", "distance")
MOST_NAMES = 12
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>&~$-])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")


def write_csv(content: VersionContent) -> str:
    """Every label with its category; no cell is a formula to a spreadsheet."""
    strategies = {category.key: category.macro_strategy for category in content.categories}
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    for label in content.labels:
        cells: tuple[object, ...] = (
            label.text, label.category or "", strategies.get(label.category or "", ""),
            label.origin, label.instances, "" if label.distance is None else label.distance,
        )  # fmt: skip
        writer.writerow([_cell(each) for each in cells])
    return lines.getvalue()


def _cell(value: object) -> object:
    """The value, a text that a spreadsheet would run made plain by an apostrophe."""
    harmful = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if harmful else value


def write_markdown(
    content: VersionContent,
    notes: Mapping[str, Sequence[str]] | None = None,
    content_hash: str | None = None,
) -> str:
    """The codebook: each category with its texts, its most frequent labels, and what changed."""
    counts = count_instances(content)
    lines = [f"# {plain(content.name)}", ""]
    lines += [f"Content hash `{content_hash}`.", ""] if content_hash else []
    lines += [
        f"{len(content.categories)} categories, {len(content.labels)} labels, "
        f"{sum(counts.values())} instances; {counts.get(None, 0)} instances have no category.",
    ]
    strategies = dict.fromkeys(category.macro_strategy for category in content.categories)
    for strategy in strategies:
        lines += ["", f"## {plain(strategy)}"]
        for category in content.categories:
            if category.macro_strategy == strategy:
                members = [label for label in content.labels if label.category == category.key]
                lines += _entry(category, members, counts.get(category.key, 0), notes or {})
    return "\n".join(lines) + "\n"


def _entry(
    category: CategoryText,
    members: Sequence[MappedLabel],
    instances: int,
    notes: Mapping[str, Sequence[str]],
) -> list[str]:
    lines = ["", f"### {plain(category.name)} (`{category.key}`)", "", plain(category.definition)]
    lines += ["", f"*Scope.* {plain(category.scope_note)}"] if category.scope_note else []
    if category.examples:
        lines += ["", "*Examples.* " + "; ".join(map(plain, category.examples))]
    if category.counter_examples:
        lines += ["", "*Not examples.* " + "; ".join(map(plain, category.counter_examples))]
    frequent = sorted(members, key=lambda label: (-label.instances, label.key))[:MOST_NAMES]
    listed = ", ".join(f"{plain(label.text)} ({label.instances})" for label in frequent)
    names = f": {listed}" if listed else ""
    lines += ["", f"*Labels.* {len(members)} labels, {instances} instances{names}"]
    changes = notes.get(category.key, ())
    return lines + (["", "*Changes.*", ""] if changes else []) + [f"- {plain(n)}" for n in changes]


def plain(text: str) -> str:
    """The text on one line, with nothing left that Markdown or HTML would act on."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
