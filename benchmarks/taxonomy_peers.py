"""Discover beside BERTopic, on the same labels with the same encoder, in one run."""

import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.clusters.naming import name_groups
from taxonomy.clusters.stability import adjusted_rand_index
from taxonomy.discovery.merging import propose_tree
from taxonomy.guidance.spreading import fold_inventory
from taxonomy.labels.embedding import Embed, Vectors
from taxonomy.labels.inventory import InventoryLabel

BERTOPIC = "bertopic==0.17.4"
# What BERTopic needs where vectors are given; its own list would bring a second torch.
NEEDS = ("hdbscan", "umap-learn", "numpy", "pandas", "plotly", "scikit-learn", "tqdm", "pyyaml")
SCRIPT = Path(__file__).parent / "bertopic_peer.py"
TIMEOUT_S = 1800

Numbers = NDArray[np.int64]
Encode = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class Timed:
    """Groups of labels, and what they took with vectors given and with encoding.

    `fit_cpu_s` is processor time, which says more on a busy machine.
    """

    groups: Numbers
    fit_s: float
    fit_cpu_s: float
    whole_s: float


def default_folder() -> Path:
    """Where the peer's environment is kept from one run to the next."""
    return Path(tempfile.gettempdir()) / "mralign-bench-peers"


def peer_python(folder: Path) -> Path:
    """The interpreter of an environment that holds BERTopic, made where it is missing."""
    home = folder / BERTOPIC.replace("==", "-")
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    done = home / "installed"
    if not done.exists():
        print(f"  making an environment for {BERTOPIC} in {home}")
        venv.create(home, with_pip=True, clear=True)
        for packages in (("--no-deps", BERTOPIC), NEEDS):
            subprocess.run([python, "-I", "-m", "pip", "install", "-q", *packages], check=True)
        done.touch()
    return python


def run_bertopic(labels: Sequence[str], encode: Encode, folder: Path) -> tuple[Timed, Timed]:
    """BERTopic by default and cut to fifteen topics; encoding is timed here, the fit over there."""
    started = time.perf_counter()
    vectors = encode(labels)
    encoding = time.perf_counter() - started
    python = peer_python(folder)
    with tempfile.TemporaryDirectory() as place:
        paths = [Path(place) / name for name in ("labels.json", "vectors.npy", "topics.json")]
        paths[0].write_text(json.dumps(list(labels)), encoding="utf-8")
        np.save(paths[1], vectors)
        # -I: a module of ours beside the script, such as coverage, must not stand for a library.
        subprocess.run([python, "-I", SCRIPT, *paths], check=True, timeout=TIMEOUT_S)
        found: dict[str, Any] = json.loads(paths[2].read_text(encoding="utf-8"))
    default, fifteen = (
        Timed(np.array(each["topics"]), each["wall_s"], each["cpu_s"], each["wall_s"] + encoding)
        for each in (found["default"], found["fifteen"])
    )
    return default, fifteen


def run_discover(labels: Sequence[str], counts: Sequence[float], encode: Encode) -> Timed:
    """Fold, represent, group and name, from texts and then with the vectors known."""
    known: dict[str, Vectors] = {}

    def embed(texts: Sequence[str]) -> Vectors:
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(missing, encode(missing), strict=True) if missing else ())
        return np.stack([known[text] for text in texts])

    _, whole, _ = _discover(labels, counts, embed)
    groups, fit, used = _discover(labels, counts, embed)
    return Timed(groups, fit, used, whole)


def _discover(
    labels: Sequence[str], counts: Sequence[float], embed: Embed
) -> tuple[Numbers, float, float]:
    started, used = time.perf_counter(), time.process_time()
    inventory = fold_inventory(labels, embed)
    groups = propose_tree(inventory).group_of[inventory.row_of]
    rows = [
        InventoryLabel(number, text, text, None, int(count))
        for number, (text, count) in enumerate(zip(labels, counts, strict=True))
    ]
    name_groups(rows, inventory.vectors[inventory.row_of], groups)
    return groups, time.perf_counter() - started, time.process_time() - used


def measure_peers(
    labels: Sequence[str],
    counts: Sequence[float],
    category: Numbers,
    encode: Encode,
    folder: Path,
) -> tuple[dict[str, float], dict[str, float]]:
    """How much faster discover is from texts to named groups, and how its ARI compares.

    Labels whose category is noise count towards neither ARI; BERTopic's noise is one more topic,
    and the better of its two results is taken.
    """
    run_discover(labels[:300], counts[:300], encode)  # loads what is loaded on first use
    ours = run_discover(labels, counts, encode)
    theirs = run_bertopic(labels, encode, folder)
    gold = category >= 0
    aris = [_ari(each.groups[gold], category[gold]) for each in theirs]
    own = _ari(ours.groups[gold], category[gold])
    fastest = min(theirs, key=lambda each: each.whole_s)
    figures = {
        "speed_vs_bertopic": fastest.whole_s / ours.whole_s,
        "ari_vs_bertopic": own / max(*aris, 1e-9),
    }
    details = {
        "discover_whole_s": ours.whole_s,
        "discover_fit_s": ours.fit_s,
        "discover_fit_cpu_s": ours.fit_cpu_s,
        "bertopic_fit_cpu_s": fastest.fit_cpu_s,
        "bertopic_whole_s": fastest.whole_s,
        "bertopic_fit_s": fastest.fit_s,
        "bertopic_ari": aris[0],
        "bertopic_ari_15_topics": aris[1],
        "bertopic_topics": float(len(set(theirs[0].groups.tolist()) - {-1})),
        "bertopic_noise_share": float((theirs[0].groups < 0).mean()),
    }
    return figures, details


def _ari(groups: Numbers, category: Numbers) -> float:
    shifted = groups - min(int(groups.min()), 0)  # noise is a topic like any other
    return adjusted_rand_index(shifted, category) or 0.0
