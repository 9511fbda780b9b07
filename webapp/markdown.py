"""A version as Markdown: a codebook to be read, in which hostile text stays text."""

import re
from collections.abc import Iterator

from taxonomy.contents import VersionContent, count_instances
from taxonomy.replay import CategoryText

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>&~=:@])")


def escape(text: str) -> str:
    """The text on one line, with every mark that Markdown or HTML could obey taken for itself."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def write_markdown(content: VersionContent) -> str:
    """The categories under their macro-strategies: the same content gives the same text."""
    return "\n".join(_lines(content)) + "\n"


def _lines(content: VersionContent) -> Iterator[str]:
    yield f"# Vocabulary {escape(content.name)}"
    instances = count_instances(content)
    strategies = dict.fromkeys(category.macro_strategy for category in content.categories)
    for strategy in strategies:
        yield f"\n## {escape(strategy)}"
        for category in content.categories:
            if category.macro_strategy == strategy:
                yield from _category(category, instances.get(category.key, 0))


def _category(category: CategoryText, instances: int) -> Iterator[str]:
    yield f"\n### {escape(category.name)}"
    yield f"\n{escape(category.definition)}"
    if category.scope_note:
        yield f"\nScope: {escape(category.scope_note)}"
    for title, texts in (
        ("Examples", category.examples),
        ("Counter\\-examples", category.counter_examples),
    ):
        if texts:
            yield f"\n{title}:\n"
            yield from (f"- {escape(text)}" for text in texts)
    yield f"\n{instances} label instances"
