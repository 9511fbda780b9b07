"""How fast label phrases are encoded, by torch and by ONNX Runtime, whole and in eight bits.

`python -m benchmarks.encoding --inventory FILE [--phrases N]`: one thread, one run, distinct
phrases made of the inventory's labels. Eight bits are judged by what guided spreading makes of
their vectors; they need the package onnx beside onnxruntime.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import save
from benchmarks.taxonomy import Gold, guided, read_gold, score
from gateway.embeddings import Encoder, Vectors
from gateway.onnx_forward import OnnxForward, export
from gateway.settings import Runtime
from taxonomy.guidance.anchors import get_preset_labels
from taxonomy.guidance.spreading import decide

PHRASES = 10_000
SAMPLE = 1_000


def phrases_of(labels: Sequence[str], count: int) -> list[str]:
    """Distinct phrases as long as labels are: the labels, then the halves of two put together."""

    def made() -> Iterator[str]:
        yield from labels
        words = [label.split() for label in labels]
        for step in range(1, len(words)):
            for place, first in enumerate(words):
                second = words[(place + step) % len(words)]
                yield " ".join([*first[: (len(first) + 1) // 2], *second[len(second) // 2 :]])

    found = dict.fromkeys(phrase for phrase, _ in zip(made(), range(50 * count), strict=False))
    return list(found)[:count]


class Eight(Encoder):
    """The packaged model with weights of eight bits, quantised as it runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        import onnxruntime
        from onnxruntime.quantization import quantize_dynamic

        whole, small = folder / "whole.onnx", folder / "small.onnx"
        whole.write_bytes(export(self._model))
        quantize_dynamic(str(whole), str(small))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(small), options)

        def run(pieces: list[list[int]]) -> Vectors:
            ids = np.array(pieces, dtype=np.int64)
            vectors: Vectors = session.run(None, {"ids": ids, "mask": np.ones_like(ids)})[0]
            return vectors

        self.__dict__["_run"] = run


def measure(encoder: Encoder, texts: Sequence[str]) -> tuple[Vectors, float]:
    """The vectors, and texts a second; the model is loaded before the clock starts."""
    encoder(texts[:SAMPLE:10])
    started = time.perf_counter()
    vectors = encoder(texts)
    return vectors, len(texts) / (time.perf_counter() - started)


def guided_accuracy(gold: Gold, encoder: Encoder) -> dict[str, float]:
    """What spreading makes of an encoder's vectors."""
    inventory, first = guided(gold, get_preset_labels(), encoder)
    return score(decide(first)[inventory.row_of], gold)


def compare(gold: Gold, count: int, folder: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """Texts a second of each, and the least cosine to torch's vectors."""
    texts = phrases_of(gold.labels, count)
    torch_encoder, onnx = Encoder(runtime=Runtime.TORCH), Encoder(runtime=Runtime.ONNX)
    expected, torch_rate = measure(torch_encoder, texts)
    vectors, onnx_rate = measure(onnx, texts)
    if not isinstance(onnx._run, OnnxForward):
        raise SystemExit("expected onnxruntime with vectors of its own, got torch's")
    figures = {
        "torch_texts_per_s": torch_rate,
        "onnx_texts_per_s": onnx_rate,
        "onnx_vs_torch": onnx_rate / torch_rate,
        "onnx_least_cosine": float(np.einsum("ij,ij->i", vectors, expected).min()),
        "torch_guided_accuracy": guided_accuracy(gold, torch_encoder)["accuracy"],
    }
    try:
        eight = Eight(folder)
    except ImportError as error:
        return figures, {"phrases": len(texts), "eight_bits": f"not measured: {error}"}
    vectors, rate = measure(eight, texts)
    cosines = np.einsum("ij,ij->i", vectors, expected)
    return figures | {
        "int8_texts_per_s": rate,
        "int8_vs_torch": rate / torch_rate,
        "int8_least_cosine": float(cosines.min()),
        "int8_mean_cosine": float(cosines.mean()),
        "int8_guided_accuracy": guided_accuracy(gold, eight)["accuracy"],
    }, {"phrases": len(texts)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure on one thread, print, and write benchmarks/results/encoding.json."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    folder = os.environ.get("MRALIGN_BENCH_DATA", ".")
    parser.add_argument("--inventory", type=Path, default=Path(folder) / "open_labels_dev.json")
    parser.add_argument("--phrases", type=int, default=PHRASES)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        figures, details = compare(read_gold(options.inventory), options.phrases, Path(place))
    save("encoding", figures, {**details, "threads": 1})


if __name__ == "__main__":
    main()
