"""Responses that were drawn here, kept batch by batch: a run that is cut short goes on from there.

A batch is found again where weights, decoding, its prompts and its place in the run are the same,
since all of these decide what is drawn.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from alignment.policies.decoding import Decoding
from alignment.policies.generation import Drawn, Message
from gateway.cache import Paid, as_kept, find_reply, keep_paid, request_hash
from gateway.exchange import ChatReply, ChatRequest
from store.engine import transaction

CUT = "length"
Prompts = Sequence[Sequence[Message]]


@dataclass(frozen=True)
class KeptDraws:
    """The responses of one policy, by `weights` (a hash), in the store."""

    engine: sa.Engine
    name: str
    weights: str
    decoding: Decoding

    def find(self, prompts: Prompts, start: int) -> list[Drawn] | None:
        """The responses to a batch whose first prompt is the run's `start`th; None if any lacks."""
        found = [find_reply(self.engine, request_hash(one)) for one in self._asked(prompts, start)]
        replies = [reply for reply in found if reply is not None]
        return [_drawn(reply) for reply in replies] if len(replies) == len(found) else None

    def keep(self, prompts: Prompts, start: int, drawn: Sequence[Drawn]) -> list[Drawn]:
        """Commit the responses to a batch; as they will be read."""
        replies = [as_kept(ChatReply(one.text, CUT if one.truncated else "stop")) for one in drawn]
        pairs = zip(self._asked(prompts, start), replies, strict=True)
        paid = [Paid(request_hash(request), request, reply) for request, reply in pairs]
        with transaction(self.engine) as session:
            keep_paid(session, paid)
        return [_drawn(reply) for reply in replies]

    def _asked(self, prompts: Prompts, start: int) -> Iterator[ChatRequest]:
        batch = hashlib.sha256(json.dumps([list(map(list, one)) for one in prompts]).encode())
        for place, prompt in enumerate(prompts):
            yield ChatRequest(
                model=self.name,
                messages=[{"role": role, "content": content} for role, content in prompt],
                temperature=self.decoding.temperature,
                max_tokens=self.decoding.max_new_tokens,
                seed=self.decoding.seed,
                extra={
                    "top_p": self.decoding.top_p,
                    "top_k": self.decoding.top_k,
                    "weights": self.weights,
                    "batch": batch.hexdigest(),
                    "place": start + place,
                },
            )


def hash_adapter(folder: Path | None) -> str:
    """The sha256 of an adapter's files; empty where there is none."""
    if folder is None:
        return ""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("adapter_*")):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _drawn(reply: ChatReply) -> Drawn:
    return Drawn(reply.text, reply.finish_reason == CUT)
