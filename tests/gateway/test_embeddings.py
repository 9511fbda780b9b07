"""Vectors: unit length, independent of company, kept in the store, and safe from odd text."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.embeddings import (
    DIMENSION,
    MODEL_NAME,
    CachedEncoder,
    Encoder,
    ModelUnavailable,
    Progress,
    Vectors,
    batches_of_one_length,
    check_weights,
    encodable,
    packaged_model,
    text_hash,
)
from gateway.settings import Runtime
from store.engine import get_engine
from store.errors import InvalidInput

TEXTS = ["Wait, that is wrong.", "Let me recall the date.", "So the answer is 4.", ""]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The packaged model, loaded once for these tests."""
    return Encoder()


class CountingEncoder(Encoder):
    """Vectors made from the hash of a text, and a list of what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """A unit vector a text, without a model."""
        self.asked += texts
        seeds = [int(text_hash(text)[:8], 16) for text in texts]
        rows = [np.random.default_rng(seed).normal(size=DIMENSION) for seed in seeds]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 200))
def test_batches_cover_every_index_once_and_mix_no_lengths(lengths: list[int], budget: int) -> None:
    """Each batch has one length and stays in the budget unless it is a single text."""
    batches = list(batches_of_one_length(lengths, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len({lengths[index] for index in batch}) == 1
        assert len(batch) == 1 or sum(lengths[index] for index in batch) <= budget


@given(st.text(st.characters(categories=["Cs", "Lu", "Cc"]), max_size=20))
def test_any_text_can_be_hashed_and_made_encodable(text: str) -> None:
    """Lone surrogates and control characters raise nothing, and different texts hash apart."""
    encodable(text).encode("utf-8")
    assert text_hash(text) != text_hash(text + "x")


def test_a_text_is_encoded_once(engine: sa.Engine) -> None:
    """Repeats inside a call, and later calls, come from the store, with the same vectors."""
    counting = CountingEncoder()
    encode = CachedEncoder(engine, counting)
    first = encode([*TEXTS, TEXTS[0]])
    again = CachedEncoder(engine, counting)(list(reversed(TEXTS)))
    assert sorted(counting.asked) == sorted(TEXTS)
    np.testing.assert_array_equal(first[:4], again[::-1])
    np.testing.assert_array_equal(first[0], first[4])


def test_progress_counts_distinct_texts(sqlite_url: str) -> None:
    """The last report says that all is done."""
    seen: list[tuple[int, int]] = []
    encode = CachedEncoder(get_engine(sqlite_url), CountingEncoder())
    encode([*TEXTS, *TEXTS], on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)


def test_no_texts_give_no_vectors(sqlite_url: str) -> None:
    """An empty list has a shape all the same."""
    assert CachedEncoder(get_engine(sqlite_url), CountingEncoder())([]).shape == (0, DIMENSION)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    """A file with another hash, or none, is an error that says what to do."""
    path = tmp_path / "model.safetensors"
    with pytest.raises(ModelUnavailable, match="found no file"):
        check_weights(path)
    path.write_bytes(b"something else")
    with pytest.raises(ModelUnavailable, match="reinstall"):
        check_weights(path)


@pytest.mark.models
def test_vectors_have_unit_norm_whatever_the_text(encoder: Encoder) -> None:
    """Empty, very long, and damaged texts included."""
    vectors = encoder([*TEXTS, "word " * 5000, "\ud800\x00\u202e", "x" * 100_000])
    assert vectors.shape == (7, DIMENSION) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


@pytest.mark.models
def test_a_vector_does_not_depend_on_its_company(encoder: Encoder) -> None:
    """Alone and in a batch of other lengths, a text has the same vector."""
    together = encoder(TEXTS)
    alone = np.concatenate([encoder([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.models
def test_vectors_are_those_of_sentence_transformers(encoder: Encoder) -> None:
    """Identity: the library's own encode gives the same vectors."""
    theirs = encoder._model.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(encoder(TEXTS), theirs, atol=1e-5)


@pytest.mark.models
def test_meaning_is_near(encoder: Encoder) -> None:
    """A paraphrase is nearer than another topic."""
    a, b, c = encoder(["Let me double-check this.", "I should verify that again.", "Paris is hot."])
    assert a @ b > a @ c


@pytest.mark.models
def test_any_model_can_be_named_by_its_folder(tmp_path: Path, encoder: Encoder) -> None:
    """The same weights elsewhere give the same vectors, under a name that says which they are."""
    folder = tmp_path / "mine"
    shutil.copytree(packaged_model(), folder)
    other = Encoder(str(folder))
    assert other.name.startswith("mine@") and other.dimension == DIMENSION
    np.testing.assert_allclose(other(TEXTS), encoder(TEXTS), atol=1e-6)
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    assert Encoder(str(folder)).name != other.name
    assert Encoder(MODEL_NAME).name == encoder.name


def test_a_model_that_is_not_here_is_refused(tmp_path: Path) -> None:
    """Nothing is downloaded; a folder without weights is no model."""
    with pytest.raises(ModelUnavailable, match="nothing is downloaded"):
        Encoder("nobody/no-such-model")
    with pytest.raises(ModelUnavailable, match="found none"):
        Encoder(str(tmp_path))


@pytest.mark.models
def test_onnx_runtime_gives_the_same_vectors() -> None:
    """Of any length and company, within a ten-thousandth."""
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package)
    texts = [*TEXTS, "a", "many words " * 300]
    other = Encoder(runtime=Runtime.ONNX)(texts)
    assert float(np.einsum("ij,ij->i", other, Encoder()(texts)).min()) > 1 - 1e-4


@pytest.mark.models
def test_other_vectors_are_refused_and_torch_takes_over(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a word in the log where ONNX Runtime was asked for by name."""
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package)
    monkeypatch.setattr("gateway.onnx_forward.TOLERANCE", -1.0)
    asked = Encoder(runtime=Runtime.ONNX)
    np.testing.assert_array_equal(asked(TEXTS), encoder(TEXTS))
    assert "its vectors differ" in caplog.text


@pytest.mark.models
def test_where_a_gpu_is_onnx_runtime_is_not_taken_unasked() -> None:
    """It would run on the processor."""

    class OnGpu(Encoder):
        _on_gpu = True

    assert isinstance(OnGpu(runtime=Runtime.AUTO)._run, partial)


def test_the_runtime_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch by default; a word that means nothing is refused."""
    assert Encoder().runtime == Runtime.TORCH
    monkeypatch.setenv("MRALIGN_ENCODER", "auto")
    assert Encoder().runtime == Runtime.AUTO
    monkeypatch.setenv("MRALIGN_ENCODER", "fast")
    with pytest.raises(InvalidInput, match="auto, onnx, torch"):
        Encoder()
