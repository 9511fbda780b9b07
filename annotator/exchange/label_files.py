"""Files of labels that people or models gave, as ours or as a tool of others writes them."""

from collections.abc import Callable, Iterator
from pathlib import Path

from annotator.exchange import argilla, doccano, label_studio
from annotator.exchange.given import Given, Handout, Item, read_own, write_own
from annotator.traces.importing import AUTO, BadLine, container_of
from annotator.traces.lines import UnreadableFile, read_items
from annotator.traces.records import BadRecord, check_storable, read_object
from annotator.traces.rows import read_rows

OWN, LABEL_STUDIO, ARGILLA, DOCCANO, CSV = "jsonl", "label-studio", "argilla", "doccano", "csv"
READ = (OWN, LABEL_STUDIO, ARGILLA, DOCCANO)
WRITTEN = (*READ, CSV)

Found = tuple[int, Given | BadLine]


def read_label_file(path: Path, format: str = AUTO, predictions: bool = False) -> Iterator[Found]:
    """Number and content of every item; an item may hold what several sources said.

    With `predictions` what models or earlier sources said is taken instead of what people said.

    Raises:
        UnreadableFile: another format, no such file, or one that is cut off.
    """
    if format not in (AUTO, *READ):
        raise UnreadableFile(f"expected a format of {', '.join(READ)}, got {format!r}")
    items = read_items(path) if container_of(path) == "jsonl" else read_rows(path)
    for number, item in items:
        try:
            if item is None:
                raise BadRecord("expected an item of a size to hold, got more")
            fields = read_object(item) if isinstance(item, bytes) else item
            check_storable(fields)
            reader = _READERS[format if format != AUTO else format_of(fields)]
            yield from [(number, given) for given in reader(fields, predictions)]
        except BadRecord as error:
            yield number, BadLine(number, str(error))
        except RecursionError:
            yield number, BadLine(number, "expected an item, got one nested past reason")


def format_of(item: Item) -> str:
    """The tool that an item shows.

    Raises:
        BadRecord: none that is known.
    """
    if "trace_id" in item and ("steps" in item or "spans" in item):
        return OWN
    for name, shows in ((LABEL_STUDIO, label_studio.is_task), (ARGILLA, argilla.is_record),
                        (DOCCANO, doccano.is_document)):  # fmt: skip
        if shows(item):
            return name
    raise BadRecord(
        f"expected labels as {', '.join(READ)} write them, got an object of "
        f"{', '.join(map(str, list(item)[:8]))[:200] or 'nothing'}; --format names one"
    )


def _own(item: Item, predictions: bool) -> Iterator[Given]:
    """What people said, or what others did."""
    return (given for given in read_own(item) if (given.agent is not None) is predictions)


_READERS: dict[str, Callable[[Item, bool], Iterator[Given]]] = {
    OWN: _own,
    LABEL_STUDIO: label_studio.read_task,
    ARGILLA: argilla.read_record,
    DOCCANO: doccano.read_document,
}
WRITERS: dict[str, Callable[[Handout], Item]] = {
    OWN: write_own,
    LABEL_STUDIO: label_studio.write_task,
    ARGILLA: argilla.write_record,
    DOCCANO: doccano.write_document,
}
