"""`mralign train` and `mralign evaluate` on a GPU, as a user types them."""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.gpu_policies import device
from benchmarks.settings import environment

Found = tuple[dict[str, float], dict[str, Any]]
TUNINGS: dict[str, dict[str, Any]] = {
    "lora float32": {"tuning": "lora", "dtype": "float32"},
    "lora bfloat16": {"tuning": "lora", "dtype": "bfloat16"},
    "lora bfloat16, checkpointing": {"tuning": "lora", "dtype": "bfloat16",
                                     "gradient_checkpointing": True},
    "qlora": {"tuning": "qlora", "dtype": "bfloat16"},
    "full bfloat16": {"tuning": "full", "dtype": "bfloat16", "learning_rate": 1e-5},
}  # fmt: skip
FSDP = {
    "fsdp_sharding_strategy": "FULL_SHARD", "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
    "fsdp_use_orig_params": True, "fsdp_state_dict_type": "FULL_STATE_DICT",
}  # fmt: skip
LAUNCHES: dict[str, dict[str, Any]] = {
    "FSDP": {"distributed_type": "FSDP", "fsdp_config": {"fsdp_version": 1, **FSDP}},
    "FSDP 2": {"distributed_type": "FSDP", "fsdp_config": {
        "fsdp_version": 2, "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_state_dict_type": "FULL_STATE_DICT", "fsdp_reshard_after_forward": True}},
    "DeepSpeed ZeRO 2": {"distributed_type": "DEEPSPEED", "deepspeed_config": {
        "zero_stage": 2, "gradient_accumulation_steps": 1}},
}  # fmt: skip


TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc_per_node=1", "-m", "mralign")


class Desk:
    """A folder with a database, in which commands are run."""

    def __init__(self, folder: Path, export: Path, policy: Path, **settings: Any) -> None:
        self.folder, self.export, self.policy, self.settings = folder, export, policy, settings
        self.environment = environment(f"sqlite:///{folder / 'gpu.sqlite3'}")
        self.command("db", "upgrade")

    def command(self, *arguments: str, module: Sequence[str] = ("mralign",)) -> float:
        """Run a command to its end. Units: seconds."""
        began = time.monotonic()
        line = [sys.executable, "-m", *module, *arguments]
        done = subprocess.run(
            line, env=self.environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            wrong = [line for line in done.stdout.splitlines() if "Error" in line]
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: "
                               f"{wrong[:5]} {done.stdout[-500:]}")  # fmt: skip
        return time.monotonic() - began

    def recipe(self, name: str, settings: Mapping[str, Any]) -> Path:
        """Write a recipe whose output folder has this name."""
        path = self.folder / f"{name}.json"
        places = {"export": str(self.export), "output": str(self.folder / name)}
        common = {"policy": str(self.policy), "device": device(), **self.settings}
        path.write_text(json.dumps({**places, **common, **settings}), encoding="utf-8")
        return path

    def train(
        self,
        name: str,
        settings: Mapping[str, Any],
        *options: str,
        module: Sequence[str] = ("mralign",),
    ) -> dict[str, Any]:
        """Train to the end; return what the checkpoint says of the run, or what went wrong."""
        try:
            path = str(self.recipe(name, settings))
            took_s = self.command("train", path, *options, module=module)
        except RuntimeError as error:
            return {"failed": str(error)}
        return {**self.state(name), "command_s": took_s}

    def state(self, name: str) -> dict[str, Any]:
        """What the checkpoint of a run says of it."""
        path = self.folder / name / "checkpoint" / "training.json"
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def cut(self, name: str, settings: Mapping[str, Any]) -> None:
        """Train until the first progress is kept, then pull the plug."""
        line = [sys.executable, "-m", "mralign", "train", str(self.recipe(name, settings))]
        kept = self.folder / name / "progress" / "progress.json"
        running = subprocess.Popen(line, env=self.environment, stdout=subprocess.DEVNULL)
        while running.poll() is None and not kept.exists():
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        running.wait()


def runs(options: argparse.Namespace, folder: Path) -> Found:
    """Every tuning through the command; the checkpoint of the one in bfloat16 answers."""
    export = _first(options.export, 4 * options.batch, folder)
    desk = Desk(folder, export, options.policy, batch_size=options.batch, accumulation=1,
                max_tokens=options.max_tokens, learning_rate=1e-4, epochs=3, lambda_r=None,
                forward_tokens=options.forward_tokens)  # fmt: skip
    with ThreadPoolExecutor(options.together) as pool:
        done = {name: pool.submit(desk.train, _file(name), each) for name, each in TUNINGS.items()}
        told = {name: {**_short(done[name].result()), **_foreseen(desk, TUNINGS[name])}
                for name in TUNINGS}  # fmt: skip
    figures = {f"loss_falls_{_file(name)}": float(each["last_epoch"] < each["first_epoch"])
               for name, each in told.items() if "failed" not in each}  # fmt: skip
    return figures, {"tunings": told, "evaluate": _answers(desk, folder)}


def learned(options: argparse.Namespace, folder: Path) -> Found:
    """One epoch over real traces in bfloat16; the loss over all of them, before and after.

    The same as `smollm` of benchmarks.alignment, elsewhere.
    """
    from alignment.training.course import Observer, train_from_export
    from alignment.training.recipe import TrainingConfig
    from benchmarks.learning import loss_after

    config = TrainingConfig(
        policy=str(options.policy), device=device(), dtype=options.dtype, epochs=1,
        learning_rate=1e-4, max_tokens=512, lambda_r=None, accumulation=2,
    )  # fmt: skip
    prepared: list[Any] = []
    result = train_from_export(
        _first(options.export, 64, folder), folder / "out", config,
        Observer(on_prepared=prepared.append),
    )  # fmt: skip
    before, after = loss_after(prepared[0], result, folder / "out" / "reference", device())
    return {"learning_loss_before": before, "learning_loss_after": after}, {
        "counts": result.counts, "steps": len(result.steps), "wall_s": result.wall_s,
        "reference_s": result.reference_s, "tokens_per_s": result.tokens_per_s,
        "peak_gb": (result.peak_memory_bytes or 0) / 1e9,
        "losses": [round(step.loss, 4) for step in result.steps],
    }  # fmt: skip


def _foreseen(desk: Desk, settings: Mapping[str, Any]) -> dict[str, float]:
    """What the check before a run says that it will take of the memory."""
    from alignment.training.preflight import check_training
    from alignment.training.recipe import config_from

    common = {"policy": str(desk.policy), "device": device(), **desk.settings}
    checked = check_training(desk.export, config_from({**common, **settings}))
    return {"foreseen_gb": checked.memory.needed / 1e9}


def _first(export: Path, count: int, folder: Path) -> Path:
    """An export of the first rows of another."""
    found = folder / "export"
    found.mkdir()
    lines = (export / "train.jsonl").read_text("utf-8").splitlines(keepends=True)[:count]
    (found / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    (found / "manifest.json").write_bytes((export / "manifest.json").read_bytes())
    return found


def _answers(desk: Desk, folder: Path) -> dict[str, Any]:
    asked = folder / "questions.jsonl"
    lines = desk.export.joinpath("train.jsonl").read_text("utf-8").splitlines()[:16]
    rows = [json.loads(line) for line in lines]
    asked.write_text("".join(json.dumps({
        "id": row["id"], "question": row["prompt"][-1]["content"], "gold_answers": ["Lima"],
    }) + "\n" for row in rows), encoding="utf-8")  # fmt: skip
    adapter = folder / _file("lora bfloat16") / "checkpoint"
    try:
        took_s = desk.command(
            "evaluate", "--adapter", str(adapter), "--questions", str(asked),
            "--max-new-tokens", "128", "--batch-size", "16", "--out", str(folder / "told.json"),
        )  # fmt: skip
    except RuntimeError as error:
        return {"failed": str(error)}
    return {"command_s": took_s, "questions": len(rows), "new_tokens_at_most": 128}


def resume(options: argparse.Namespace, folder: Path) -> Found:
    """Cut and resumed beside uncut, with the same bits asked for and without."""
    desk = Desk(folder, options.export, options.policy, batch_size=4, accumulation=1,
                max_tokens=512, learning_rate=1e-4, epochs=1, save_every=2,
                max_steps=8)  # fmt: skip
    told: dict[str, Any] = {}
    for name, same in (("as it is", False), ("deterministic", True)):
        each = {"deterministic": same, "dtype": options.dtype}
        begun = f"{_file(name)}-cut"
        with ThreadPoolExecutor() as pool:
            whole = pool.submit(desk.train, f"{_file(name)}-whole", each)
            pool.submit(desk.cut, begun, each).result()
            told[name] = _apart(whole.result(), desk.train(begun, each, "--resume"))
    same_bits = told["deterministic"].get("largest", 1.0) == 0.0
    return {"resume_same_bits": float(same_bits)}, told


def launched(options: argparse.Namespace, folder: Path) -> Found:
    """One process under each of accelerate's roads, beside one process under none."""
    desk = Desk(folder, options.export, options.policy, batch_size=4, accumulation=2,
                max_tokens=512, learning_rate=1e-4, epochs=1, max_steps=4,
                dtype=options.dtype)  # fmt: skip
    alone = desk.train("alone", {})
    told: dict[str, Any] = {"alone": _short(alone)}
    with ThreadPoolExecutor() as pool:
        begun = {name: pool.submit(desk.train, _file(name), _launch(folder, name, number))
                 for number, name in enumerate(LAUNCHES)}  # fmt: skip
        begun["DDP"] = pool.submit(desk.train, "ddp", {}, "--launched", module=TORCHRUN)
        for name, each in begun.items():
            told[name] = _apart(alone, each.result())
    return {f"loss_apart_{_file(name)}": found["largest"]
            for name, found in told.items() if "largest" in found}, told  # fmt: skip


def _launch(folder: Path, name: str, number: int) -> dict[str, Any]:
    """A file of accelerate's own; JSON is YAML."""
    path = folder / f"{_file(name)}-launch.yaml"
    path.write_text(json.dumps({
        "compute_environment": "LOCAL_MACHINE", "machine_rank": 0, "num_machines": 1,
        "num_processes": 1, "mixed_precision": "no", "main_process_port": 29600 + number,
        **LAUNCHES[name],
    }), encoding="utf-8")  # fmt: skip
    return {"launch_config": str(path)}


def _file(name: str) -> str:
    return name.replace(",", "").replace(" ", "-").lower()


def _short(state: Mapping[str, Any]) -> dict[str, Any]:
    """What of a run is worth printing."""
    if "failed" in state:
        return dict(state)
    steps: Sequence[Mapping[str, Any]] = state["steps"]
    later = steps[1:] or steps
    seconds = (steps[-1]["elapsed_s"] - steps[0]["elapsed_s"]) or steps[-1]["elapsed_s"]
    return {
        "first_epoch": _mean_loss(steps, 1), "last_epoch": _mean_loss(steps, steps[-1]["epoch"]),
        "steps": len(steps), "distributed": state["distributed"],
        "losses": [round(step["loss"], 4) for step in steps],
        "margins": [step["margin"] and round(step["margin"], 3) for step in steps],
        "tokens_per_s": sum(step["tokens"] for step in later) / seconds,
        "peak_gb": (state["peak_memory_bytes"] or 0) / 1e9, "wall_s": state["wall_s"],
        "reference_s": state["reference_s"], "command_s": state["command_s"],
        "trainable": state["trainable_parameters"],
    }  # fmt: skip


def _mean_loss(steps: Sequence[Mapping[str, Any]], epoch: int) -> float:
    found = [float(step["loss"]) for step in steps if step["epoch"] == epoch]
    return sum(found) / len(found)


def _apart(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    """How far the losses and gradient norms of two runs lie apart."""
    for each in (one, two):
        if "failed" in each:
            return dict(each)
    pairs = list(zip(one["steps"], two["steps"], strict=True))
    losses = [abs(a["loss"] - b["loss"]) for a, b in pairs]
    norms = [abs(a["grad_norm"] - b["grad_norm"]) / max(a["grad_norm"], 1e-12) for a, b in pairs]
    return {"largest": max(losses), "losses": losses, "gradient_norms": norms}
