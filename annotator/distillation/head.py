"""A small head on frozen sentence vectors that gives a taxonomy's categories; a plain file set."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.distillation.decoding import NO_LABEL, Decoding, Labels
from annotator.distillation.features import Scaling, shape_matrix
from annotator.embedded.evidence import Segments
from annotator.embedded.regression import SoftmaxWeights

Array = NDArray[np.float64]

FORM = "mralign-head-1"
ARRAYS, DOCUMENT = "head.npz", "head.json"
JOINED_AT_LEAST = 0.5
SCALING = ("centre", "directions", "mean", "spread")


class HeadError(ValueError):
    """The files are no head, were changed, or the head is for another vocabulary."""


@dataclass(frozen=True)
class Head:
    """What was learnt: scaling, weights, decoding; `details` say from what, and how well."""

    scaling: Scaling
    weights: SoftmaxWeights
    decoding: Decoding
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """The categories that it can give."""
        return tuple(key for key in self.decoding.order if key != NO_LABEL)

    @property
    def joins_steps(self) -> bool:
        """Whether neighbours with the same labels were mostly one step where it learnt."""
        return bool(self.details.get("steps_joined", 0.0) >= JOINED_AT_LEAST)

    @property
    def sha256(self) -> str:
        """The hash over every array and the document."""
        digest = hashlib.sha256(self._text().encode())
        for name, array in sorted(self._arrays().items()):
            digest.update(name.encode() + str((array.dtype.str, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def shares(self, read: Segments, texts: Sequence[str]) -> list[Array]:
        """How likely each class is on every segment, a trace each. Shapes: traces of [T, k]."""
        log_shares = self.weights.log_shares(self.scaling.features(read, shape_matrix(texts)))
        starts = np.flatnonzero(read.places.index == 0).tolist()
        edges = pairwise([*starts, len(log_shares)])
        return [self.decoding.shares(log_shares[first:end]) for first, end in edges]

    def labels(self, read: Segments, texts: Sequence[str]) -> list[Labels]:
        """The labels of every segment with confidences from 0 to 10, one after another."""
        traces = self.shares(read, texts)
        return [labels for shares in traces for labels in self.decoding.labels(shares)]

    def save(self, folder: Path) -> None:
        """Write head.npz and head.json; the document goes last, so that a half is no head."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DOCUMENT).unlink(missing_ok=True)
        np.savez(folder / ARRAYS, allow_pickle=False, **self._arrays())
        document = {"form": FORM, "sha256": self.sha256, **json.loads(self._text())}
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        (folder / DOCUMENT).write_text(text, encoding="utf-8")

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            **{name: getattr(self.scaling, name) for name in SCALING},
            "weights": self.weights.weights, "intercept": self.weights.intercept,
            "matrix": self.decoding.matrix, "frequency": self.decoding.frequency,
        }  # fmt: skip

    def _text(self) -> str:
        document = {"decoding": self.decoding.document(), "details": self.details}
        return json.dumps(document, sort_keys=True, ensure_ascii=False)


def load_head(folder: Path) -> Head:
    """The head in a folder.

    Raises:
        HeadError: there is none, or its files do not belong together.
    """
    try:
        document = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = _head(document, arrays)
        found = head.sha256
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HeadError(
            f"expected {DOCUMENT} and {ARRAYS} as `mralign annotate distill` writes them in "
            f"{folder}, got {type(error).__name__}: {str(error)[:200]}"
        ) from error
    if document.get("form") != FORM or document.get("sha256") != found:
        raise HeadError(
            f"expected a {FORM} whose files have the sha256 {document.get('sha256')!r}, "
            f"got {found}; distill it again"
        )
    return head


def _head(document: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Head:
    decoding = {**document["decoding"], "order": tuple(document["decoding"]["order"])}
    return Head(
        Scaling(*(arrays[name] for name in SCALING)),
        SoftmaxWeights(arrays["weights"], arrays["intercept"]),
        Decoding(**decoding, matrix=arrays["matrix"], frequency=arrays["frequency"]),
        document["details"],
    )
