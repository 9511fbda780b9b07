"""What the tests of the offline labelers share: a quick encoder, the real one, and a trace."""

import hashlib
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.labeling.steps import CategoryView, TraceView
from annotator.traces.segmentation import segment

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
DIMENSION = 384


def words_embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors that are near where texts share words: quick, and right about repetition."""
    vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in re.findall(r"\w+", text.lower()) or ["nothing"]:
            vectors[row, int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) % DIMENSION] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="session")
def embed() -> Embed:
    """The quick encoder."""
    return words_embed


@pytest.fixture(scope="session")
def minilm() -> Embed:
    """The packaged model, each text encoded once for the whole test run."""
    from gateway.embeddings import Encoder

    encoder, known = Encoder(), dict[str, NDArray[np.float32]]()

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(fresh, encoder(fresh), strict=True))
        rows = [known[text] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), DIMENSION)

    return encode


@pytest.fixture
def view() -> Callable[..., TraceView]:
    """Make a trace of pieces, as a labeler sees it."""

    def make(*pieces: str, number: int = 1) -> TraceView:
        thinking = "\n\n".join(pieces)
        return TraceView(number, f"t{number}", "Who?", ("gold",), thinking,
                         tuple(segment(thinking)))  # fmt: skip

    return make


@pytest.fixture
def moves() -> tuple[CategoryView, ...]:
    """A small vocabulary that is not the preset's."""
    return (
        CategoryView("recall", "Recall", "Brings remembered facts to mind, searches memory."),
        CategoryView("doubt", "Doubt", "Interrupts itself, takes back a claim, corrects an error."),
        CategoryView("check", "Check", "Verifies a result, double-checks a date or a claim."),
        CategoryView("setup", "Setup", "States the question, what is asked and to be found."),
        CategoryView("verdict", "Verdict", "States the final answer or concludes."),
    )
