"""Responses of a policy to questions: loaded here, or asked at an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from alignment.sampling.draws import OPENS, whole_reply
from alignment.training.run import find_training_of, get_latest_training
from gateway.exchange import Chat, ChatReply, ChatRequest
from gateway.limits import each_done
from store.engine import reading
from store.errors import InvalidInput
from store.tables import TrainingRun

if TYPE_CHECKING:
    from alignment.policies.decoding import Decoding
    from gateway.door import Answer, Door

OnProgress = Callable[[int, int | None], None]
Prompt = Sequence[dict[str, str]]


@dataclass(frozen=True)
class Sample:
    """One response; `trouble` says why there is none, or what is wrong with it."""

    text: str
    truncated: bool = False
    trouble: str | None = None
    request_hash: str | None = None
    unanswered: bool = False


@dataclass(frozen=True)
class PolicyChoice:
    """Which policy to evaluate: a base, an adapter on it, and the training run it came from."""

    source: str
    adapter: Path | None
    training_run_id: int | None

    @property
    def name(self) -> str:
        """The policy as the figures name it."""
        return "/".join((self.adapter or Path(self.source)).parts[-2:])


@dataclass(frozen=True)
class LocalPolicy:
    """A policy that transformers loads and samples; responses are kept as an endpoint's are."""

    engine: sa.Engine
    choice: PolicyChoice
    decoding: Decoding

    def sample(
        self, prompts: Sequence[Prompt], draws: int, on_progress: OnProgress
    ) -> list[Sample]:
        """`draws` responses to each prompt, those of one prompt side by side.

        Raises:
            InvalidInput: the policy cannot be loaded, or a prompt fills its context.
        """
        from alignment.export.tokens import TokenError
        from alignment.policies.generation import GenerationError, draw
        from alignment.policies.policy import PolicyError, load_policy, policy_hash
        from alignment.sampling.kept_draws import KeptDraws, hash_adapter

        pairs = [[(m["role"], m["content"]) for m in prompt] for prompt in prompts]
        asked = [pair for pair in pairs for _ in range(draws)]
        try:
            policy = load_policy(self.choice.source, adapter=self.choice.adapter)
            weights = policy_hash(policy) + hash_adapter(self.choice.adapter)
            kept = KeptDraws(self.engine, self.choice.name, weights, self.decoding)
            drawn = draw(policy, asked, self.decoding, on_progress, kept)
        except (GenerationError, PolicyError, TokenError) as error:
            raise InvalidInput(str(error)) from error
        return [Sample(one.text, one.truncated) for one in drawn]


@dataclass(frozen=True)
class EndpointPolicy:
    """A policy that a server answers for; replies are kept, so that a run that was cut short
    goes on where it was when the same command runs again."""

    door: Door
    seed: int
    at_once: int = 8

    def sample(
        self, prompts: Sequence[Prompt], draws: int, on_progress: OnProgress
    ) -> list[Sample]:
        """`draws` responses to each prompt, those of one prompt side by side.

        The draws differ by their seed, from `seed` on: two equal requests would be one reply.
        Raises:
            BudgetSpent: the next request could pass the cap.
            EndpointUnusable: no request will succeed.
        """
        chat = Thoughtful(self.door.chat)
        doors = [replace(self.door, chat=chat, seed=self.seed + n) for n in range(draws)]
        items = [(n, draw) for n in range(len(prompts)) for draw in range(draws)]
        found: dict[tuple[int, int], Sample] = {}

        def ask(item: tuple[int, int]) -> Sample:
            return sampled(doors[item[1]].ask(prompts[item[0]]))

        for item, sample in each_done(ask, items, self.at_once):
            found[item] = sample
            on_progress(len(found), len(items))
        return [found[item] for item in items]


def sampled(answer: Answer) -> Sample:
    """A reply as a response: cut off it is still one, refused or empty it says nothing."""
    return Sample(answer.text, answer.truncated, answer.trouble, answer.request_hash, answer.failed)


@dataclass(frozen=True)
class Thoughtful:
    """A client whose replies hold the thinking, where the server files it apart from the text."""

    chat: Chat

    def __call__(self, request: ChatRequest) -> ChatReply:
        """The reply with its thinking in tags; thinking alone stays open, for it has no answer."""
        reply = self.chat(request)
        if reply.reasoning and reply.text in ("", reply.reasoning) and reply.refusal is None:
            return replace(reply, text=f"{OPENS}\n{reply.reasoning}")
        return replace(reply, text=whole_reply(reply.text, reply.reasoning))


def choose_policy(
    engine: sa.Engine, policy: str | None = None, adapter: Path | None = None
) -> PolicyChoice:
    """Complete what the user named: an adapter knows its base, and the latest training is both.

    Raises:
        NotFound: nothing was named and nothing was trained.
        InvalidInput: the adapter's folder holds none.
    """
    with reading(engine) as session:
        if policy is None and adapter is None:
            training = get_latest_training(session)
            return PolicyChoice(training.policy, Path(str(training.checkpoint)), training.id)
        training_found = find_training_of(session, adapter) if adapter else None
    source = policy or _adapter_base(adapter, training_found)
    return PolicyChoice(source, adapter, training_found.id if training_found else None)


def _adapter_base(adapter: Path | None, training: TrainingRun | None) -> str:
    from alignment.policies.policy import PolicyError, adapter_base

    if training is not None:
        return training.policy
    try:
        return adapter_base(adapter or Path())
    except PolicyError as error:
        raise InvalidInput(str(error)) from error
