"""What the gateway takes from the environment, and what it sets there for the libraries below."""

import os


def forbid_hub() -> None:
    """Keep the model libraries off the network: the weights come from an installed package.

    Call it before transformers or sentence_transformers is imported; they read it then.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
