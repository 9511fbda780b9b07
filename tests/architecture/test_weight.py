"""Heavy libraries stay out of the pages and of the command line's help."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "sentence_transformers", "umap", "hdbscan", "openai", "peft")

NOUNS = "from mralign.main import NOUNS"
EACH_NOUN = (
    "from importlib import import_module\n" + NOUNS + "\n"
    "for noun in NOUNS: import_module('mralign.' + noun.replace('-', '_'))"
)


@pytest.mark.parametrize(
    "code",
    [
        "import webapp.app",
        "import store.tables, store.schema, store.engine",
        "from typer.testing import CliRunner\nfrom mralign.main import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0",
        EACH_NOUN,
    ],
    ids=["pages", "store", "help", "every noun"],
)
def test_no_heavy_library_is_loaded(code: str) -> None:
    """Neither page nor help waits for a model's library."""
    probe = f"{code}\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
