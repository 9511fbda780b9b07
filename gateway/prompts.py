"""Prompts: loaded from the package, hashed, rendered strictly, with all data behind a fence.

A prompt file has the sections `=== system ===`, `=== user ===` and `=== retry ===`. `{{name}}`
stands for a plain value and `{{data:name}}` for data, which comes out between marks that carry a
token. The token occurs nowhere in the data, so no text can close its own fence; `{{fence}}` stands
for it, so that the prompt can say what it means.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from store.errors import InvalidInput, NotFound

SECTIONS = ("system", "user", "retry")
_HEADING = re.compile(r"^=== (\w+) ===\n", re.MULTILINE)
_PLACE = re.compile(r"\{\{(data:)?(\w+)\}\}")
# Marks that chat templates read as their own even inside a message.
_TEMPLATE_MARKS = re.compile(
    r"<[|｜]|[|｜]>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>", re.IGNORECASE
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

Data = str | Sequence[str]


class PromptError(InvalidInput):
    """A prompt file and the values that it is given do not fit."""


@dataclass(frozen=True)
class Prompt:
    """One version of a prompt; `sha256` is the hash of its file."""

    name: str
    sha256: str
    sections: Mapping[str, str]

    def render(
        self, plain: Mapping[str, str | int], data: Mapping[str, Data]
    ) -> list[dict[str, str]]:
        """The system and the user message.

        Raises:
            PromptError: a value is missing, or one is given that the prompt has no place for.
        """
        fence = fence_token(data)
        values = {name: str(value) for name, value in plain.items()} | {"fence": fence}
        blocks = {f"data:{name}": fenced(name, value, fence) for name, value in data.items()}
        roles = ("system", "user")
        self._check(roles, values | blocks)
        return [
            {"role": role, "content": self._filled(role, values | blocks).strip()} for role in roles
        ]

    def render_retry(self, said: str, problem: str) -> list[dict[str, str]]:
        """What the model said, as its own turn, and the message that tells it what was wrong."""
        fence = fence_token({"problem": problem})
        values = {"fence": fence, "data:problem": fenced("problem", problem, fence)}
        self._check(("retry",), values)
        return [
            {"role": "assistant", "content": defused(said).strip() or "(nothing)"},
            {"role": "user", "content": self._filled("retry", values).strip()},
        ]

    def _check(self, sections: Sequence[str], values: Mapping[str, str]) -> None:
        wanted = {name for section in sections for name in _places(self.sections[section])}
        if missing := sorted(wanted - set(values)):
            raise PromptError(f"prompt {self.name} has places for {missing}: give their values")
        if unused := sorted(set(values) - wanted):
            raise PromptError(f"prompt {self.name} has no place for {unused}: do not give them")

    def _filled(self, section: str, values: Mapping[str, str]) -> str:
        return _PLACE.sub(lambda m: values[(m[1] or "") + m[2]], self.sections[section])


def _places(text: str) -> Iterator[str]:
    return ((match[1] or "") + match[2] for match in _PLACE.finditer(text))


@cache
def load_prompt(room: str, name: str) -> Prompt:
    """The prompt in the file `prompts/NAME.md` of a room of this package.

    Raises:
        NotFound: there is no such file.
    """
    try:
        raw = (files(room) / "prompts" / f"{name}.md").read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"expected a prompt {room}/prompts/{name}.md, found none") from error
    return parse_prompt(name, raw)


def parse_prompt(name: str, raw: bytes) -> Prompt:
    """A prompt from the bytes of its file.

    Raises:
        PromptError: a section is missing, doubled or unknown.
    """
    _intro, *parts = _HEADING.split(raw.decode().replace("\r\n", "\n"))
    if sorted(parts[::2]) != sorted(SECTIONS):
        raise PromptError(f"prompt {name}: expected sections {SECTIONS}, got {parts[::2]}")
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    return Prompt(name, hashlib.sha256(raw).hexdigest(), sections)


def fence_token(data: Mapping[str, Data]) -> str:
    """A token that occurs nowhere in the data, the same for the same data."""
    texts = [item for value in data.values() for item in _items(value)]
    seed = hashlib.sha256("\x00".join(texts).encode("utf-8", "replace")).hexdigest()
    whole = "\n".join(defused(text) for text in texts).lower()
    while seed[:12] in whole:
        seed = hashlib.sha256(seed.encode()).hexdigest()
    return seed[:12]


def fenced(name: str, value: Data, fence: str) -> str:
    """The data between marks that carry the token; each item of a list has marks of its own."""
    if isinstance(value, str):
        inside = defused(value).strip()
    else:
        inside = "\n".join(
            f"<item-{fence} {number}>\n{defused(item).strip()}\n</item-{fence} {number}>"
            for number, item in enumerate(value)
        )
    return f"<data-{fence} {name}>\n{inside}\n</data-{fence} {name}>"


def defused(text: str) -> str:
    """The text without control characters, and with chat templates' own marks broken by spaces.

    Identity: no mark is left, not even one whose halves a broken mark has set free.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("\ufffd", text)
    while (broken := _TEMPLATE_MARKS.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", text)) != text:
        text = broken
    return text


def _items(value: Data) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
