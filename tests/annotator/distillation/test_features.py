"""Features: neighbours of the same trace only, one scale, nothing that explodes."""

from collections.abc import Sequence

import numpy as np

from annotator.distillation.features import rows_of, scaling_of, shape_matrix, shifted
from annotator.embedded.evidence import Segments, places_of, read_segments
from tests.annotator.conftest import Embed

TEXTS = (
    ["Okay, what is asked?", "2 + 2 = 4, so it is 4.", "Wait, let me check."],
    ["I recall him.", "**Answer:** 7"],
)


def reading(embed: Embed, traces: Sequence[Sequence[str]]) -> tuple[Segments, list[str]]:
    return read_segments(embed, traces), [text for each in traces for text in each]


def test_neighbours_are_those_of_the_same_trace() -> None:
    rows = np.arange(1, 6, dtype=np.float32)[:, None]
    places = places_of([3, 2])
    assert shifted(rows, places, 1)[:, 0].tolist() == [0, 1, 2, 0, 4]
    assert shifted(rows, places, -1)[:, 0].tolist() == [2, 3, 0, 5, 0]


def test_a_trace_has_the_same_features_alone_and_beside_others(embed: Embed) -> None:
    read, texts = reading(embed, TEXTS)
    shapes = shape_matrix(texts)
    scaling = scaling_of(read, shapes)
    together = scaling.features(read, shapes)
    rows = np.array([3, 4])
    alone = scaling.features(rows_of(read, rows), shapes[rows])
    np.testing.assert_allclose(together[rows], alone, atol=1e-6)


def test_what_was_constant_where_it_was_learnt_does_not_explode(embed: Embed) -> None:
    read, texts = reading(embed, [["So it is.", "So it is.", "So it is."]])
    scaling = scaling_of(read, shape_matrix(texts))
    other, words = reading(embed, [["\\boxed{7}\n\n" * 500, "?" * 5000, ""]])
    features = scaling.features(other, shape_matrix(words))
    assert np.isfinite(features).all() and np.abs(features[:, 24:]).max() <= 24
