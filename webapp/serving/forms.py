"""What a form may hold: text of a stated length, numbers of rows, nothing a database chokes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from store.errors import InvalidInput

MAX_FIELDS = 20_000
MAX_CHOSEN = 1_000_000
LARGEST_ROW_ID = 2**31 - 1
LINE_CHARACTERS = 200
TEXT_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form by name, each with its values in order."""

    fields: Mapping[str, Sequence[str]]

    def token(self, name: str) -> str:
        """A value as it came, empty where there is none."""
        values = self.fields.get(name, ())
        return values[0] if values else ""

    def line(self, name: str, limit: int = LINE_CHARACTERS) -> str:
        """A text on one line, empty where there is none.

        Raises:
            InvalidInput: it is too long, or holds control characters.
        """
        text = " ".join(self.token(name).split())
        if not text.isprintable():
            raise InvalidInput(f"expected {name} without control characters; take them out")
        return _within(text, name, limit)

    def text(self, name: str, limit: int = TEXT_CHARACTERS) -> str:
        """A text of many lines, empty where there is none.

        Raises:
            InvalidInput: it is too long, or holds control characters.
        """
        text = self.token(name).replace("\r\n", "\n").strip()
        if not text.replace("\n", "").replace("\t", "").isprintable():
            raise InvalidInput(f"expected {name} without control characters; take them out")
        return _within(text, name, limit)

    def number(self, name: str) -> int:
        """A whole number from 0 that a row can have.

        Raises:
            InvalidInput: it is none.
        """
        return _number(self.token(name), name)

    def numbers(self, name: str) -> tuple[int, ...]:
        """The numbers of all ticked boxes of a name, each once, in order.

        Raises:
            InvalidInput: a value is no number of a row.
        """
        values = (_number(value, name) for value in self.fields.get(name, ()))
        return tuple(dict.fromkeys(values))

    def chosen(self, name: str) -> tuple[int, ...]:
        """The numbers of ticked boxes, and those of a `chosen` field: 1 to 5 and 9 as "1-5,9".

        A script that chose thousands sends them so; a box each would be too much for a form.

        Raises:
            InvalidInput: a value is no number of a row, or there are more than MAX_CHOSEN.
        """
        found = dict.fromkeys(self.numbers(name))
        for part in filter(None, self.token("chosen").split(",")):
            first, dash, last = part.partition("-")
            low = _number(first, name)
            high = _number(last, name) if dash else low
            if high - low + len(found) >= MAX_CHOSEN:
                raise InvalidInput(f"expected up to {MAX_CHOSEN} of {name}, got more")
            found |= dict.fromkeys(range(low, high + 1))
        return tuple(found)

    def lines(self, name: str) -> tuple[str, ...]:
        """The lines of a text, without empty ones."""
        return tuple(line.strip() for line in self.text(name).splitlines() if line.strip())


def _within(text: str, name: str, limit: int) -> str:
    if len(text) > limit:
        raise InvalidInput(f"expected {name} of up to {limit} characters, got {len(text)}")
    return text


def _number(value: str, name: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 10):
        raise InvalidInput(f"expected {name} to be a whole number, got {value[:40]!r}")
    number = int(value)
    if number > LARGEST_ROW_ID:
        raise InvalidInput(f"expected {name} up to {LARGEST_ROW_ID}, got {number}")
    return number


async def read_form(request: Request) -> Form:
    """The form of a request; a body of another type is refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", ""):
        raise HTTPException(415, "expected a form")
    fields: dict[str, list[str]] = {}
    async with request.form(max_fields=MAX_FIELDS) as form:
        for name, value in form.multi_items():
            if isinstance(value, str):
                fields.setdefault(name, []).append(value)
    return Form(fields)
