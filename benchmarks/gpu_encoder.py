"""The packaged encoder on a GPU: segments a second, and how near its vectors are a processor's."""

import argparse
import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from annotator.traces.segmentation import segment
from gateway.embeddings import Encoder, Vectors
from gateway.settings import Runtime

Found = tuple[dict[str, float], dict[str, Any]]
WARM, FEW = 256, 1000


def segments(data: Path, count: int) -> list[str]:
    """The first distinct segments of the traces."""
    found: dict[str, None] = {}
    with gzip.open(data / "traces.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            thinking = json.loads(line)["thinking"]
            found |= dict.fromkeys(thinking[start:end].strip() for start, end in segment(thinking))
            if len(found) >= count:
                break
    return list(found)[:count]


def encoded(texts: list[str], model: str | None) -> tuple[Vectors, float]:
    """The vectors, and texts a second once the model is there."""
    encoder = Encoder(model, runtime=Runtime.TORCH)
    encoder(texts[:WARM])
    began = time.perf_counter()
    vectors = encoder(texts)
    return vectors, len(texts) / (time.perf_counter() - began)


def encoder(options: argparse.Namespace, folder: Path) -> Found:
    """The same texts here and, fewer of them, in a process that sees no GPU."""
    texts = segments(options.data, options.segments)
    vectors, rate = encoded(texts, options.encoder and str(options.encoder))
    asked, told = folder / "texts.json", folder / "vectors.npy"
    asked.write_text(json.dumps(texts[:FEW]), encoding="utf-8")
    line = [sys.executable, "-m", "benchmarks.gpu_encoder", str(asked), str(told)]
    line += [str(options.encoder)] if options.encoder else []
    done = subprocess.run(line, check=True, text=True, stdout=subprocess.PIPE,
                          env={**options.environment, "CUDA_VISIBLE_DEVICES": ""})  # fmt: skip
    on_processor = np.load(told)
    apart = np.abs(vectors[: len(on_processor)] - on_processor)
    cosines = np.einsum("ij,ij->i", vectors[: len(on_processor)], on_processor)
    return {
        "segments_per_s": rate,
        "segments_vs_processor": rate / float(done.stdout.splitlines()[-1]),
        "encoder_least_cosine": float(cosines.min()),
        "encoder_largest_difference": float(apart.max()),
    }, {"segments": len(texts), "processor_segments_per_s": float(done.stdout.splitlines()[-1])}


def main() -> None:
    """Encode the texts of a file where there is no GPU; print texts a second."""
    texts, place = json.loads(Path(sys.argv[1]).read_text("utf-8")), Path(sys.argv[2])
    vectors, rate = encoded(texts, sys.argv[3] if len(sys.argv) > 3 else None)
    np.save(place, vectors)
    print(rate)


if __name__ == "__main__":
    main()
