"""Export rows as weighted tokens: the chat template rendered, spans carried over by offsets."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment.export.rows import ExportRow, WeightedSpan

_PROBE = "mralignprobe"
_MARKUP = frozenset({"<think>", "</think>", "<answer>", "</answer>"})


class TokenError(ValueError):
    """A tokenizer cannot carry character spans over to tokens, or a prompt cannot be rendered."""


@dataclass(frozen=True)
class TokenizedExample:
    """A row as tokens: a masked prompt, and a completion with a weight and a segment a token.

    Shapes: prompt_ids [prompt]; completion_ids, weights, segments [completion].
    `segments` is 0 outside every segment and k for the k-th segment that was kept.
    """

    row_id: str
    question_key: str
    desirable: bool
    prompt_ids: NDArray[np.int64]
    completion_ids: NDArray[np.int64]
    weights: NDArray[np.float32]
    segments: NDArray[np.int64]
    thinned_segments: int = 0

    @property
    def length_tokens(self) -> int:
        return len(self.prompt_ids) + len(self.completion_ids)


@dataclass(frozen=True)
class TokenizedRows:
    """The examples that fit, and what became of those that did not."""

    examples: tuple[TokenizedExample, ...]
    thinned: tuple[str, ...] = ()
    dropped_long: tuple[str, ...] = ()
    dropped_control: tuple[str, ...] = ()


@dataclass(frozen=True)
class Encoder:
    """A tokenizer's template, end token, and exact character offsets.

    Only a tokenizer of the fast kind knows offsets. Its post-processor is left out, because it
    may trim the blanks off the offsets, and a token's first character decides its segment.
    """

    tokenizer: Any
    end_token: str
    control_tokens: frozenset[str]
    backend: Any = field(repr=False)

    def encode(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the token ids of `text` and the first character of each token."""
        encoding = self.backend.encode(text, add_special_tokens=False)
        starts = np.array([start for start, _ in encoding.offsets], dtype=np.int64)
        return np.array(encoding.ids, dtype=np.int64), np.minimum(starts, max(len(text) - 1, 0))

    def render_prompt(self, prompt: Sequence[tuple[str, str]]) -> str:
        """Return the prompt as text, up to and with the generation prompt.

        Without a chat template the fallback is the tokenizer's first token (where it has one),
        then "role: content" and a blank line for each message, then "assistant: ". Where the
        template knows no system role, the system's message opens the first of the others.
        """
        if not getattr(self.tokenizer, "chat_template", None):
            turns = "".join(f"{role}: {content}\n\n" for role, content in prompt)
            return f"{self.tokenizer.bos_token or ''}{turns}assistant: "
        try:
            return _apply_template(self.tokenizer, prompt, generation_prompt=True)
        except TokenError:
            if len(prompt) < 2 or prompt[0][0] != "system":
                raise
            (_, system), (role, content), *others = prompt
            merged = [(role, f"{system}\n\n{content}"), *others]
            return _apply_template(self.tokenizer, merged, generation_prompt=True)

    def stop_token_ids(self) -> list[int]:
        """Return the ids that end a completion."""
        ids = {int(self.encode(self.end_token)[0][-1]), self.tokenizer.eos_token_id}
        return sorted(token_id for token_id in ids if token_id is not None)

    def forges_control(self, row: ExportRow) -> bool:
        """Say whether the row's own text holds a token that only a template may write."""
        texts = [content for _, content in row.prompt] + [row.completion]
        return any(token in text for token in self.control_tokens for text in texts)


def open_encoder(tokenizer: Any) -> Encoder:
    """Prepare a tokenizer for weighted tokens.

    Raises: TokenError where the tokenizer knows no offsets or no end token.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise TokenError(
            f"{type(tokenizer).__name__} has no character offsets; use a policy whose folder holds "
            "a tokenizer.json."
        )
    backend = copy.deepcopy(tokenizer.backend_tokenizer)
    backend.post_processor = None
    backend.no_padding()
    backend.no_truncation()
    end_token = _end_token(tokenizer)
    added = backend.get_added_tokens_decoder().values()
    special = {token.content for token in added if token.special}
    control = frozenset({*special, *tokenizer.all_special_tokens, end_token}) - _MARKUP
    return Encoder(tokenizer, end_token, control, backend)


def tokenize_rows(rows: Sequence[ExportRow], encoder: Encoder, max_tokens: int) -> TokenizedRows:
    """Tokenize every row; thin or drop the over-long, drop what forges control tokens, count all.

    Units: max_tokens counts prompt, completion and end token.
    """
    examples: list[TokenizedExample] = []
    dropped_long: list[str] = []
    dropped_control: list[str] = []
    for row in rows:
        if encoder.forges_control(row):
            dropped_control.append(row.id)
            continue
        example = tokenize_row(row, encoder, max_tokens)
        if example is None:
            dropped_long.append(row.id)
        else:
            examples.append(example)
    thinned = tuple(example.row_id for example in examples if example.thinned_segments)
    return TokenizedRows(tuple(examples), thinned, tuple(dropped_long), tuple(dropped_control))


def tokenize_row(row: ExportRow, encoder: Encoder, max_tokens: int) -> TokenizedExample | None:
    """Tokenize one row, taking whole segments out of the middle of the thinking until it fits.

    The first and the last segment and the answer always stay; None where even that is too long.
    A segment after a gap keeps the weight of the move that the whole trace made.
    """
    example = _tokenize(row, encoder, ())
    inner = _from_the_middle(len(row.spans))
    sizes = np.bincount(example.segments, minlength=len(row.spans) + 1)[1:]
    length = example.length_tokens
    for count, index in enumerate(inner, start=1):
        if example.length_tokens <= max_tokens:
            return example
        length -= int(sizes[index])
        if length <= max_tokens or count == len(inner):
            example = _tokenize(row, encoder, inner[:count])
    return example if example.length_tokens <= max_tokens else None


def _tokenize(row: ExportRow, encoder: Encoder, removed: Sequence[int]) -> TokenizedExample:
    prompt = encoder.render_prompt(row.prompt)
    completion, spans = _without(row.completion, row.spans, removed)
    cut = _prefilled(prompt, completion)
    offset = len(prompt) - cut
    text = prompt + completion[cut:] + encoder.end_token
    weights, segments = np.ones(len(text), np.float32), np.zeros(len(text), np.int64)
    for number, span in enumerate(spans, start=1):
        # A span that reaches into the prefilled tag begins where the completion does.
        place = slice(max(span.start + offset, len(prompt)), span.end + offset)
        weights[place], segments[place] = span.weight, number
    ids, starts = encoder.encode(text)
    ours = starts >= len(prompt)
    if ours.all() or not ours.any():
        raise TokenError(f"row {row.id}: prompt and completion need at least one token each.")
    return TokenizedExample(
        row_id=row.id,
        question_key=row.question_key,
        desirable=row.desirable,
        prompt_ids=ids[~ours],
        completion_ids=ids[ours],
        weights=weights[starts[ours]],
        segments=segments[starts[ours]],
        thinned_segments=len(removed),
    )


def _without(
    completion: str, spans: Sequence[WeightedSpan], removed: Sequence[int]
) -> tuple[str, list[WeightedSpan]]:
    gone = set(removed)
    parts: list[str] = []
    kept: list[WeightedSpan] = []
    reached = shift = 0
    for index, span in enumerate(spans):
        if index in gone:
            parts.append(completion[reached : span.start])
            reached, shift = span.end, shift + span.end - span.start
        else:
            kept.append(WeightedSpan(span.start - shift, span.end - shift, span.weight))
    return "".join(parts) + completion[reached:], kept


def _from_the_middle(segments: int) -> list[int]:
    """Return the inner segments, the middle one first, the first and the last left out."""
    middle = (segments - 1) / 2
    return sorted(range(1, segments - 1), key=lambda index: (abs(index - middle), index))


def _prefilled(prompt: str, completion: str) -> int:
    """Return how many characters of the completion the generation prompt already holds."""
    for opening in ("<think>\n", "<think>"):
        if prompt.endswith(opening) and completion.startswith(opening):
            return len(opening)
    return 0


def _apply_template(
    tokenizer: Any, messages: Sequence[tuple[str, str]], generation_prompt: bool
) -> str:
    turns = [{"role": role, "content": content} for role, content in messages]
    try:
        return str(
            tokenizer.apply_chat_template(
                turns, add_generation_prompt=generation_prompt, tokenize=False
            )
        )
    except Exception as error:  # a template is a program of the policy's author: anything may rise
        raise TokenError(f"The policy's chat template failed: {error}") from error


def _end_token(tokenizer: Any) -> str:
    """Return what the chat template writes after an assistant's turn, else the eos token."""
    if getattr(tokenizer, "chat_template", None):
        turns = [("user", _PROBE), ("assistant", _PROBE)]
        ending = _apply_template(tokenizer, turns, generation_prompt=False)
        ending = ending.rpartition(_PROBE)[2].strip()
        if ending:
            return ending
    if tokenizer.eos_token:
        return str(tokenizer.eos_token)
    raise TokenError("The policy's tokenizer has no end token (eos_token); set one.")
