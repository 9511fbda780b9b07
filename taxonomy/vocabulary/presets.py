"""Vocabularies that ship with the package, read from data files."""

import json
from functools import cache
from importlib.resources import files

from taxonomy.events.decisions import UnknownNameError
from taxonomy.events.state import CategoryText

DEFAULT_PRESET = "mr-align-15"
PRESETS = {DEFAULT_PRESET: "mr_align_15.json"}


@cache
def get_preset(name: str) -> tuple[CategoryText, ...]:
    """The categories of a preset, in its order.

    Raises:
        UnknownNameError: there is no such preset; the message lists them.
    """
    if name not in PRESETS:
        raise UnknownNameError(f"expected one of {', '.join(PRESETS)}, got preset {name[:100]!r}")
    text = files("taxonomy").joinpath("presets", PRESETS[name]).read_text(encoding="utf-8")
    return tuple(CategoryText.read(entry) for entry in json.loads(text)["categories"])
