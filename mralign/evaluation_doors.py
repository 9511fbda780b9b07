"""Who is asked in an evaluation: the policy at an endpoint, the judge, or neither."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mralign.endpoint import Given, load_roles
from store.errors import InvalidInput

if TYPE_CHECKING:
    import sqlalchemy as sa

    from alignment.evaluation.plan import Plan
    from alignment.evaluation.run import Appraiser, Policy
    from alignment.policies.decoding import Decoding
    from gateway.budget import Budget
    from gateway.door import Door
    from gateway.roles import Role, RoleSettings

POLICY_TIMEOUT_S = 900.0  # 8,192 tokens at ten a second


@dataclass(frozen=True)
class Asked:
    """What the command line says of the two that can be asked."""

    given: Given
    policy: str | None
    endpoint: str | None
    judge: str | None
    judge_url: str | None

    def roles(self, decoding: "Decoding", judged: bool) -> "dict[Role, RoleSettings]":
        """The settings of those that are asked; empty where nobody is.

        Raises:
            InvalidInput: one of them has no endpoint or no model, or a setting makes no sense.
        """
        from gateway.door import role_has_endpoint
        from gateway.roles import Role

        wanted = ([Role.POLICY] if self.endpoint else []) + ([Role.JUDGE] if judged else [])
        if not wanted:
            return {}
        every = load_roles(
            self.given.config, self.given.options(), self._own(decoding),
            {Role.POLICY: ("built in for a policy", {"timeout_s": POLICY_TIMEOUT_S})},
        )  # fmt: skip
        roles = {role: every[role] for role in wanted}
        if Role.POLICY in roles:
            roles[Role.POLICY] = _drawn(roles[Role.POLICY], decoding)
        for role, settings in roles.items():
            if not role_has_endpoint(settings) or not settings.model:
                raise InvalidInput(
                    f"expected a model and its address for the {role}: give --{role} and "
                    f"{'--endpoint' if role == Role.POLICY else '--judge-url'}, or set them in "
                    "the config file; `mralign models show` lists what is in force"
                )
        return roles

    def _own(self, decoding: "Decoding") -> dict[str, dict[str, Any]]:
        from gateway.roles import Role

        drawn = {"temperature": decoding.temperature, "max_tokens": decoding.max_new_tokens,
                 "seed": decoding.seed}  # fmt: skip
        return {
            Role.POLICY: {"model": self.policy, "base_url": self.endpoint, **drawn},
            Role.JUDGE: {"model": self.judge, "base_url": self.judge_url},
        }


def _drawn(role: "RoleSettings", decoding: "Decoding") -> "RoleSettings":
    """The policy's role with what has no setting of its own in every dialect."""
    sampling = {"top_p": decoding.top_p} if decoding.temperature else {}
    sampling |= {"top_k": decoding.top_k} if decoding.temperature and decoding.top_k else {}
    return replace(role, extra_body={**(role.extra_body or {}), **sampling})


def open_doors(
    doors: ExitStack,
    engine: "sa.Engine",
    roles: "Mapping[Role, RoleSettings]",
    cap: "Budget | None",
) -> "dict[Role, Door]":
    """A door a role, one cap for all."""
    if not roles:
        return {}
    from gateway.door import open_role

    return {
        role: doors.enter_context(open_role(engine, settings, cap))
        for role, settings in roles.items()
    }


def appraiser(
    opened: "Mapping[Role, Door]", roles: "Mapping[Role, RoleSettings]", plan: "Plan"
) -> "Appraiser | None":
    """The judge of the task; none where answers are matched."""
    if plan.task == "exact":
        return None
    from alignment.evaluation.judges import ClaimJudge, TruthJudge
    from gateway.roles import Role

    door, at_once = opened[Role.JUDGE], roles[Role.JUDGE].at_once
    if plan.task == "truthful":
        return TruthJudge(door.ask, door.model, at_once)
    return ClaimJudge(door.ask, door.model, at_once, plan.evidence is not None)


def chosen_policy(
    engine: "sa.Engine",
    named: tuple[str | None, Path | None],
    opened: "Mapping[Role, Door]",
    roles: "Mapping[Role, RoleSettings]",
    decoding: "Decoding",
) -> "Policy":
    """The policy at its endpoint, or the one that is loaded here."""
    from alignment.evaluation.run import Policy
    from alignment.sampling.answering import EndpointPolicy, LocalPolicy, choose_policy
    from gateway.roles import Role

    if Role.POLICY in opened:
        role, door = roles[Role.POLICY], opened[Role.POLICY]
        decided = {**asdict(decoding), "policy": door.model, "endpoint": role.base_url}
        sampler = EndpointPolicy(door, decoding.seed, role.at_once)
        return Policy(sampler, door.model, decided, decoding.seed)
    choice = choose_policy(engine, *named)
    decided = {**asdict(decoding), "policy": choice.source,
               "adapter": str(choice.adapter) if choice.adapter else None}  # fmt: skip
    local = LocalPolicy(engine, choice, decoding)
    return Policy(local, choice.name, decided, decoding.seed, choice.training_run_id)
