"""Training on a CUDA GPU: the commands, the loss, the time and the memory, beside TRL.

    python -m benchmarks.gpu [--data FOLDER] [--policy FOLDER] [--only parity contest ...]

    parity     loss and gradients beside live TRL in float32 and bfloat16, on a tiny policy
    ceilings   what the GPU does at best: a large product, a copy
    contest    a step beside TRL, 1.24 billion random weights in bfloat16: real rows, long rows
    forwards   how much a forward should hold, and what each choice inside it costs
    billion    `mralign train`, every tuning, on the same weights; `mralign evaluate`
    smollm     the same on SmolLM2-135M, a real policy
    learning   SmolLM2-135M over 64 real traces: the loss with fixed pairs, before and after
    resume     a run that is killed and resumed beside one that is not
    launched   one process under DDP, FSDP and DeepSpeed beside one under none
    encoder    the packaged encoder: segments a second, and its vectors beside a processor's

Each part runs in a process of its own, so that one which fails leaves the others' figures.
Needs a CUDA device; `--try` runs it small where there is none, and writes nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.record import earlier, save, write
from benchmarks.settings import data_folder

Found = tuple[dict[str, float], dict[str, Any]]
Job = tuple[str, dict[str, Any]]
REAL = {"max_tokens": 1024, "rows": 56, "batch": 8, "name": "real", "export": "export"}
LONG = {"max_tokens": 4096, "rows": 28, "batch": 4, "name": "long", "export": None}
JOBS: dict[str, dict[str, Job]] = {
    "parity": {"float32": ("gpu_beside.parity", {"dtype": "float32"}),
               "bfloat16": ("gpu_beside.parity", {"dtype": "bfloat16"})},
    "ceilings": {"": ("gpu_forwards.ceilings", {})},
    "contest": {"real": ("gpu_beside.contest", REAL), "long": ("gpu_beside.contest", LONG)},
    "forwards": {"": ("gpu_forwards.forwards", {"rows": 24, "max_tokens": 1024,
                                                "longest": 4096})},
    "billion": {"": ("gpu_runs.runs", {"max_tokens": 1024, "batch": 8})},
    "smollm": {"": ("gpu_runs.runs", {"policy": "smollm", "batch": 8,
                                      "max_tokens": 1024})},
    "learning": {"": ("gpu_runs.learned", {"policy": "smollm"})},
    "resume": {"": ("gpu_runs.resume", {"policy": "small"})},
    "launched": {"": ("gpu_runs.launched", {"policy": "small", "dtype": "float32"})},
    "encoder": {"": ("gpu_encoder.encoder", {})},
}  # fmt: skip
PACKAGES = ("torch", "transformers", "peft", "accelerate", "trl", "bitsandbytes", "deepspeed",
            "sentence-transformers", "numpy")  # fmt: skip


def furnish(options: argparse.Namespace) -> None:
    """Put the policies and the rows into the work folder; what is there is kept."""
    from benchmarks.gpu_policies import random_llama
    from benchmarks.policies import smollm, write_real_export

    work: Path = options.work
    if not (work / "export").exists():
        write_real_export(work / "export", options.data, 174)
    tokenizer = options.tokenizer or smollm(options.policy or work / "smollm")
    random_llama(work / "billion", tokenizer, SMALL if options.try_out else None)
    random_llama(work / "small", tokenizer, SMALL if options.try_out else LITTLE)
    if options.policy and not (work / "smollm").exists():
        (work / "smollm").symlink_to(options.policy.resolve())


def one_job(options: argparse.Namespace) -> None:
    """Measure one job of a part, here, and write what was found."""
    part, _, kind = options.job.partition(" ")
    place, settings = JOBS[part][kind]
    module, name = place.split(".")
    given = {**vars(options), "policy": "billion", "export": "export", "dtype": "bfloat16",
             "name": kind, "environment": dict(os.environ), **settings}  # fmt: skip
    for key in ("policy", "export"):
        given[key] = options.work / given[key] if given[key] else None
    if options.try_out:
        given |= {key: min(given[key], most) for key, most in TRY.items() if key in given}
    measure: Callable[..., Found] = getattr(import_module(f"benchmarks.{module}"), name)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(argparse.Namespace(**given), Path(folder))
    options.out.write_text(json.dumps(found), encoding="utf-8")


def measured(options: argparse.Namespace, job: str) -> Found:
    """What a job found in a process of its own, or how it ended."""
    out = options.work / f"found-{job.replace(' ', '-')}.json"
    out.unlink(missing_ok=True)
    line = [sys.executable, "-m", "benchmarks.gpu", *sys.argv[1:], "--job", job,
            "--work", str(options.work), "--out", str(out)]  # fmt: skip
    began = time.monotonic()
    ended = subprocess.run(line, check=False, text=True, stderr=subprocess.PIPE)
    took = {"took_s": round(time.monotonic() - began, 1)}
    print(f"{job}: {took['took_s']} s, code {ended.returncode}", flush=True)
    if ended.returncode or not out.exists():
        print(ended.stderr[-3000:], flush=True)
        return {}, {"failed": ended.stderr[-1500:], **took}
    figures, details = json.loads(out.read_text(encoding="utf-8"))
    return figures, {**details, **took}


def about() -> dict[str, Any]:
    """The GPU, its driver's version of CUDA, and the packages."""
    import torch

    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    if not torch.cuda.is_available():
        return {"versions": versions}
    return {"device": torch.cuda.get_device_name(), "cuda": torch.version.cuda,
            "memory_gb": torch.cuda.mem_get_info()[1] / 1e9, "versions": versions}  # fmt: skip


LITTLE = {
    "vocab_size": 49_152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
}
SMALL = {"vocab_size": 49_152, "hidden_size": 64, "intermediate_size": 128,
         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "max_position_embeddings": 8192, "tie_word_embeddings": True}  # fmt: skip
TRY = {"rows": 8, "max_tokens": 512, "batch": 2, "steps": 3, "segments": 300, "longest": 128}


def main() -> None:
    """Measure, print, and write results/gpu.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=data_folder(), help="traces and pairs")
    parser.add_argument("--policy", type=Path, help="SmolLM2 unpacked; made there if it is not")
    parser.add_argument("--tokenizer", type=Path, help="another tokenizer for the random weights")
    parser.add_argument("--only", nargs="*", choices=JOBS, default=list(JOBS))
    parser.add_argument("--forward-tokens", type=int, help="other than training's own")
    parser.add_argument("--together", type=int, default=1,
                        help="commands side by side, their times mean less")  # fmt: skip
    parser.add_argument("--encoder", type=Path, help="other than the packaged model")
    parser.add_argument("--segments", type=int, default=20_000)
    parser.add_argument("--work", type=Path, help="a folder for policies, kept; else a passing one")
    parser.add_argument("--try", dest="try_out", action="store_true", help="small, on anything")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        return one_job(options)
    if options.data is None:
        parser.error("expected --data, or a folder of data in MRALIGN_BENCH_DATA")
    return measure(options, parser)


def measure(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Every job in turn."""
    import torch

    if not torch.cuda.is_available() and not options.try_out:
        parser.error(f"expected a CUDA device, torch {torch.__version__} finds none")
    figures, details = earlier("gpu") if set(options.only) < set(JOBS) else ({}, {})
    with tempfile.TemporaryDirectory() as passing:
        options.work = (options.work or Path(passing)).resolve()
        options.work.mkdir(parents=True, exist_ok=True)
        furnish(options)
        for part in options.only:
            for kind in JOBS[part]:
                found, told = measured(options, f"{part} {kind}".strip())
                figures |= found
                details[f"{part} {kind}".strip()] = told
                if not options.try_out:
                    write("gpu", figures, {**details, **about()})
    if options.try_out:
        print(json.dumps({"figures": figures, "details": details}, indent=1))
        return
    save("gpu", figures, {**details, **about()})


if __name__ == "__main__":
    main()
