"""Which category a label of a file means: by key, by name, or by a label mapped to it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from annotator.labeling.steps import CategoryView
from annotator.language_models.fields import folded


class Aliases:
    """The categories of a version by every name that means one of them and no other.

    A key counts before a name, a name before a label that the version puts into the category;
    case and separators do not count. `extra` gives a file's label a key.
    """

    def __init__(
        self, categories: Sequence[CategoryView], extra: Mapping[str, str] | None = None
    ) -> None:
        self.order = tuple(category.key for category in categories)
        given = {folded(label): [key] for label, key in (extra or {}).items()}
        layers = [given]
        for names in (_key, _name, _known):
            layer = defaultdict[str, list[str]](list)
            for category in categories:
                for name in {folded(name) for name in names(category)}:
                    layer[name].append(category.key)
            layers.append(layer)
        self._layers = layers

    def find(self, label: str) -> str | None:
        """The key of the category that the label means; None where it is none or several."""
        wanted = folded(label)
        for layer in self._layers:
            if found := layer.get(wanted):
                return found[0] if len(found) == 1 else None
        return None

    def shown(self, categories: Sequence[CategoryView]) -> dict[str, str]:
        """What people see for each key: the name, or the key where the name means another."""
        return {
            one.key: one.name if self.find(one.name) == one.key else one.key for one in categories
        }


def _key(category: CategoryView) -> Sequence[str]:
    return (category.key,)


def _name(category: CategoryView) -> Sequence[str]:
    return (category.name,)


def _known(category: CategoryView) -> Sequence[str]:
    return category.known_labels
