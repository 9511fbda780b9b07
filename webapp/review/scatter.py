"""The labels of a review as points: arrays for a canvas to draw, most frequent label first."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.review.curation import Group, LabelView, PlacedLabel
from webapp.review.reviews import Review

GRID = 65_535  # steps of the longer side of the map
NOWHERE = 65_535  # a label in no cluster
NO_CATEGORY, NOISE = 255, 254
UNREVIEWED, FLAGGED = "not reviewed", "flagged"
EARLIER, SETTLED, OWN = "an earlier version", "settled", "you"
FRAMES_KEPT = 8

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Frame:
    """Bytes that a browser reads as arrays, and a tag that changes when they do."""

    body: bytes
    tag: str


def pack(head: Mapping[str, Any], arrays: Arrays) -> Frame:
    """A frame: the length of a JSON head in 4 bytes, the head, and the arrays that it names.

    Everything starts at a multiple of 8 and is little-endian, as typed arrays are.
    """
    named = [[name, _type_name(array), len(array)] for name, array in arrays.items()]
    text = json.dumps({**head, "arrays": named}, ensure_ascii=False, separators=(",", ":"))
    raw = text.encode("utf-8", "surrogatepass")
    raw += b" " * (-(4 + len(raw)) % 8)
    parts = [len(raw).to_bytes(4, "little"), raw]
    for array in arrays.values():
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        parts += [data, bytes(-len(data) % 8)]
    body = b"".join(parts)
    return Frame(body, f'"{hashlib.sha256(body).hexdigest()[:24]}"')


def _type_name(array: NDArray[Any]) -> str:
    return f"Uint{8 * array.dtype.itemsize}Array"


def place_frame(placed: Mapping[str, PlacedLabel]) -> Frame:
    """Where labels are, how often they were given, and their numbers: the same for a clustering."""
    labels = list(placed.values())
    points = np.array([(label.x, label.y) for label in labels], dtype=np.float64).reshape(-1, 2)
    low = points.min(axis=0) if len(points) else np.zeros(2)
    span = float((points - low).max(initial=0.0)) or 1.0
    steps = np.rint((points - low) / span * GRID).astype(np.uint16)
    counts = np.array([label.instances for label in labels], dtype=np.uint32)
    ids = np.array([label.open_label_id for label in labels], dtype=np.uint32)
    return pack({}, {"x": steps[:, 0], "y": steps[:, 1], "count": counts, "id": ids})


def text_frame(placed: Mapping[str, PlacedLabel]) -> Frame:
    """What labels say, in the order of their places."""
    return pack({"texts": [label.text for label in placed.values()]}, {})


@dataclass(frozen=True)
class Deciders:
    """Who decided labels, by the label's key, as numbers of `names`."""

    names: Sequence[str]
    by_key: Mapping[str, int]


def state_frame(review: Review, deciders: Deciders) -> Frame:
    """What the review says of each label now: cluster, category, doubt in percent, and who did."""
    rows = {key: row for row, key in enumerate(review.state.placed)}
    columns = _Columns(
        cluster=[NOWHERE] * len(rows),
        category=[NO_CATEGORY] * len(rows),
        doubt=[0] * len(rows),
        who=[0] * len(rows),
    )
    order = {category.key: place for place, category in enumerate(review.categories)}
    for number, group in enumerate(review.groups):
        for label in group.labels:
            columns.put(rows[label.key], label, min(number, NOWHERE), order)
            columns.who[rows[label.key]] = _decider(label, group, deciders)
    for label in review.noise:
        columns.put(rows[label.key], label, NOWHERE, order)
        columns.who[rows[label.key]] = _decider(label, None, deciders)
    return pack(_head(review, deciders), columns.arrays())


@dataclass(frozen=True)
class _Columns:
    cluster: list[int]
    category: list[int]
    doubt: list[int]
    who: list[int]

    def put(self, row: int, label: LabelView, number: int, order: Mapping[str, int]) -> None:
        none = NOISE if number == NOWHERE else NO_CATEGORY
        self.cluster[row] = number
        self.category[row] = order.get(label.category or "", none)
        self.doubt[row] = round(100 * label.doubt)

    def arrays(self) -> Arrays:
        return {
            "cluster": np.array(self.cluster, dtype=np.uint16),
            "category": np.array(self.category, dtype=np.uint8),
            "doubt": np.array(self.doubt, dtype=np.uint8),
            "who": np.array(self.who, dtype=np.uint16),
        }


def _decider(label: LabelView, group: Group | None, deciders: Deciders) -> int:
    if label.origin == "reviewed":
        return deciders.by_key.get(label.key, deciders.names.index(EARLIER))
    return deciders.names.index(FLAGGED) if group is not None and group.flag else 0


def _head(review: Review, deciders: Deciders) -> dict[str, Any]:
    colours = {name: int(style[-1]) for name, style in review.colours.items()}
    return {
        "clusters": [[group.anchor, group.name] for group in review.groups[:NOWHERE]],
        "categories": [
            [category.key, category.name, category.macro_strategy, colours[category.macro_strategy]]
            for category in review.categories
        ],
        "people": list(deciders.names),
    }


class Scatter:
    """Frames of the reviews that were looked at last; what one sees alone is not kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], tuple[object, Frame]] = {}
        self._lock = Lock()

    def find(self, kind: str, version_id: int, source: object) -> Frame | None:
        """The frame of a kind, if it was made from this very source."""
        with self._lock:
            kept = self._kept.get((kind, version_id))
        return kept[1] if kept is not None and kept[0] is source else None

    def keep(self, kind: str, version_id: int, source: object, frame: Frame) -> Frame:
        """Keep a frame in the place of an older one."""
        with self._lock:
            if len(self._kept) >= FRAMES_KEPT:
                self._kept.clear()
            self._kept[kind, version_id] = (source, frame)
        return frame
