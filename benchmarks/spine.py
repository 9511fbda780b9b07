"""The main job on real traces: each stage as its command, with time, peak memory and counts.

    python -m benchmarks.spine --traces FILE --pairs FILE [--model Qwen3-8B] [--demo-seconds S]

The files are as `mralign traces import` and `mralign traces pair` take them. Without options
they are traces.jsonl.gz and pairs_on_off.jsonl.gz in the folder that MRALIGN_BENCH_DATA names.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.record import save
from benchmarks.settings import data_file, environment
from benchmarks.stages import Measured, measure
from store.engine import get_engine

TRAIN_STEPS = 20


def stages(options: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """The commands in order."""
    yield "schema", ["db", "upgrade"]
    yield "import", ["traces", "import", str(options.traces), "--model", options.model]
    yield "pair", ["traces", "pair", "--pairs", str(options.pairs)]
    yield "label", ["label", "run", "--offline"]
    yield "cluster", ["cluster", "run", "--seed", "0"]
    yield "draft", ["taxonomy", "draft", "spine", "--preset", "mr-align-15"]
    yield "freeze", ["taxonomy", "freeze", "spine", "--approve", "--reason", "benchmark"]
    yield "annotate", ["annotate", "run", "--offline"]
    yield "transitions", ["transitions", "show"]
    yield "all traces", ["transitions", "show", "--all"]
    everything = ["--validation-share", "0"]
    yield "export", ["export", "--out", "export", *everything]
    steps = ["--max-steps", str(TRAIN_STEPS)]
    train = ["--replicates", "0", "--train", "--policy", "policy", *steps]
    yield "train", ["export", "--out", "trained", *everything, *train]


def counts(engine: sa.Engine) -> dict[str, int]:
    """What the stages left in the database."""
    tables = {
        "traces": "SELECT count(*) FROM trace",
        "segments": "SELECT count(*) FROM segment",
        "instances": "SELECT count(*) FROM label_instance",
        "distinct_labels": "SELECT count(DISTINCT open_label_id) FROM label_instance",
        "clusters": "SELECT count(*) FROM cluster",
        "controlled_labels": "SELECT count(*) FROM controlled_label",
        "polar": "SELECT count(*) FROM trace_pair WHERE polarity IS NOT NULL",
    }
    with engine.connect() as connection:
        return {k: int(connection.execute(sa.text(q)).scalar_one()) for k, q in tables.items()}


def manifest_counts(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the export says of itself."""
    return {"counts": manifest["counts"], "funnel": manifest["funnel"]}


def run(options: argparse.Namespace, folder: Path) -> tuple[list[Measured], dict[str, Any]]:
    """Every stage in `folder`; the measurements and the counts."""
    url = f"sqlite:///{folder / 'spine.sqlite3'}"
    surroundings = environment(url)
    done = []
    for stage, arguments in stages(options):
        if stage == "export":
            _policy(folder)
        done.append(measure(stage, arguments, folder, surroundings))
    engine = get_engine(url)
    manifest = json.loads((folder / "export" / "manifest.json").read_text("utf-8"))
    curve = _loss_curve(engine)
    details = {"database": counts(engine), **manifest_counts(manifest), "loss_curve": curve}
    engine.dispose()
    return done, details


def _policy(folder: Path) -> None:
    """A tiny Qwen3-architecture policy beside the export."""
    from alignment.policies.tiny import build_tiny_policy

    samples = Path(__file__).parents[1] / "mralign" / "samples" / "traces.jsonl"
    build_tiny_policy(samples.read_text("utf-8").splitlines(), folder / "policy")


def _loss_curve(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT loss_curve FROM training_run")).scalar_one()
    return list(json.loads(row) if isinstance(row, str) else row)


def figures(done: list[Measured], details: dict[str, Any]) -> dict[str, float]:
    """The goals' keys."""
    rows = details["counts"]["rows"]
    exported = sum(count for split in rows.values() for count in split.values())
    return {
        "real_traces": details["database"]["traces"],
        "real_segments": details["database"]["segments"],
        "real_pipeline_s": sum(stage.seconds for stage in done),
        "real_peak_rss_mb": max(stage.peak_mb for stage in done),
        "real_train_steps": len(details["loss_curve"]),
        "real_polar_traces_exported": exported,
    }


def main() -> None:
    """Measure, print, and write results/spine.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=Path, default=data_file("traces.jsonl.gz"))
    parser.add_argument("--pairs", type=Path, default=data_file("pairs_on_off.jsonl.gz"))
    parser.add_argument("--model", default="Qwen3-8B", help="take the traces of this model")
    parser.add_argument("--demo-seconds", type=float, help="as `make demo` printed it")
    parser.add_argument("--test-seconds", type=float, help="as `make test` took it, installed")
    options = parser.parse_args()
    if not (options.traces and options.pairs):
        parser.error("expected --traces and --pairs, or a folder of data in MRALIGN_BENCH_DATA")
    options.traces, options.pairs = options.traces.resolve(), options.pairs.resolve()
    with tempfile.TemporaryDirectory() as folder:
        done, details = run(options, Path(folder))
    found = figures(done, details)
    extra = {"demo_after_install_s": options.demo_seconds,
             "tests_after_install_s": options.test_seconds}  # fmt: skip
    found |= {key: value for key, value in extra.items() if value is not None}
    details["stages"] = {s.stage: {"seconds": round(s.seconds, 1), "peak_mb": round(s.peak_mb)}
                         for s in done}  # fmt: skip
    details["date"] = time.strftime("%Y-%m-%d")
    save("spine", found, details)


if __name__ == "__main__":
    main()
