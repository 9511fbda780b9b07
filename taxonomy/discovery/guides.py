"""Where the categories of a cluster run come from: a preset, or an earlier version."""

from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from store.engine import reading
from store.errors import InvalidInput, NotFound
from store.taxonomies import get_version
from taxonomy.events.decisions import UnknownNameError
from taxonomy.events.state import CategoryText
from taxonomy.guidance.anchors import PRESET_LABELS, KnownLabels, get_preset_labels
from taxonomy.versions.lifecycle import get_content
from taxonomy.vocabulary.presets import DEFAULT_PRESET, get_preset

TOLD = "reviewed"


@dataclass(frozen=True)
class Guide:
    """Categories, and labels known to belong to them; without categories they are proposed."""

    categories: tuple[CategoryText, ...]
    known: KnownLabels


def guide_of_preset(name: str | None) -> Guide:
    """The categories of a preset with the labels that ship with it; nothing without a name.

    Raises:
        NotFound: there is no such preset.
    """
    try:
        categories = get_preset(name) if name is not None else ()
    except UnknownNameError as error:
        raise NotFound(str(error)) from error
    return Guide(categories, get_preset_labels(name) if name in PRESET_LABELS else KnownLabels())


def guide_of_version(engine: sa.Engine, name: str | int) -> Guide:
    """The categories of a version with the labels that people put in them.

    What people called noise speaks for the background, beside what every preset has there.

    Raises:
        NotFound: there is no such version.
        InvalidInput: it has no categories.
    """
    with reading(engine) as session:
        version = get_version(session, name)
        content = get_content(session, version)
    if not content.categories:
        raise InvalidInput(f"expected categories in {content.name}, found none; add some first")
    told: defaultdict[str | None, list[str]] = defaultdict(list)
    for label in content.labels:
        if label.origin == TOLD:
            told[label.category].append(label.text)
    preset = get_preset_labels(version.preset or DEFAULT_PRESET)
    known = preset.by_category if version.preset in PRESET_LABELS else {}
    by_category = {
        category.key: (*known.get(category.key, ()), *told[category.key])
        for category in content.categories
    }
    return Guide(content.categories, KnownLabels(by_category, preset.background))
