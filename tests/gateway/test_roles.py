"""Roles: each setting from the first that names it, and never a key."""

from pathlib import Path

import pytest

from gateway.budget import Budget, Prices
from gateway.door import open_role
from gateway.exchange import ChatReply, ChatRequest
from gateway.roles import ModelsFile, Role, read_models_file, resolve_role
from store.engine import get_engine
from store.errors import InvalidInput
from tests.fakes import FakeEndpoint

KEY = "sk-secret-000111222"
FILE = """
[defaults]
model = "everyday"
key_variable = "TEAM_KEY"
price_in_usd = 0.5

[roles.adjudicator]
model = "careful"
base_url = "http://127.0.0.1:9/v1"
temperature = "none"
at_once = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> ModelsFile:
    path = tmp_path / "models.toml"
    path.write_text(FILE)
    return read_models_file(path)


def test_what_speaks_of_the_role_alone_comes_first(file: ModelsFile) -> None:
    variables = {"MRALIGN_MODEL": "all", "MRALIGN_ADJUDICATOR_AT_ONCE": "5", "OPENAI_BASE_URL": ""}
    judge = resolve_role(Role.ADJUDICATOR, file=file, variables=variables)
    assert (judge.model, judge.temperature, judge.at_once) == ("careful", None, 5)
    assert (judge.key_variable, judge.prices) == ("TEAM_KEY", Prices(0.5, 0.0))
    assert judge.sources["at_once"] == "MRALIGN_ADJUDICATOR_AT_ONCE"
    assert judge.sources["model"] == f"{file.name} [roles.adjudicator]"
    assert judge.sources["price_in_usd"] == f"{file.name} [defaults]"
    assert "timeout_s" not in judge.sources
    assert resolve_role(Role.NAMER, file=file, variables=variables).model == "all"


def test_an_option_comes_before_all_and_a_fallback_behind_the_roles_own(file: ModelsFile) -> None:
    behind = ("option of annotator_a", {"model": "a"})
    judge = resolve_role(Role.ADJUDICATOR, file=file, fallback=behind)
    b = resolve_role(Role.ANNOTATOR_B, file=file, fallback=behind)
    optional = resolve_role(Role.ADJUDICATOR, file=file, options={"model": "now", "seed": None})
    assert (judge.model, b.model, optional.model) == ("careful", "a", "now")
    assert (b.sources["model"], optional.sources["model"]) == ("option of annotator_a", "option")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'[roles.judge]\napi_key = "{KEY}"', "key_variable"),
        (f'key = "{KEY}"', "key_variable"),
        (f'[defaults]\nkey_variable = "{KEY}"', "name of an environment variable"),
        (f'[defaults]\nbase_url = "https://me:{KEY}@host/v1"', "without user"),
        (f'[defaults]\nbase_url = "https://host/v1?key={KEY}"', "without user"),
        ("[roles.labeller]\nmodel = 'm'", "labeller"),
        ("[defaults]\nmodel = 3", "expected a name"),
        ("[defaults]\nat_once = 0", "1 or more"),
        ("[defaults]\nat_once = 1.5", "whole number"),
        ("[defaults]\ntemperature = nan", "a number"),
        ("[defaults\n", "no TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_and_no_key_is_quoted(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "models.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=said) as caught:
        resolve_role(Role.JUDGE, file=read_models_file(path))
    assert KEY not in str(caught.value)


def test_a_role_asks_its_model_with_the_key_of_its_variable_and_books_its_price(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_KEY", KEY)
    settings = {"model": "m", "key_variable": "TEAM_KEY", "price_in_usd": 1.0, "seed": 4}
    budget = Budget(prices=Prices(50.0, 50.0))
    with FakeEndpoint(lambda _body: "fine") as endpoint:
        role = resolve_role(Role.JUDGE, options={**settings, "base_url": endpoint.base_url})
        with open_role(get_engine(sqlite_url), role, budget) as door:
            for _ in range(2):
                door.ask([{"role": "user", "content": "?"}])
        assert (endpoint.keys, endpoint.bodies[0]["seed"]) == ([KEY], 4)
    assert budget.spend.cost_usd == pytest.approx(100e-6)
    assert (budget.spend.kept, budget.spend.faults) == (1, 0)
    assert KEY not in repr(role)


def test_the_dearer_model_of_a_run_counts_with_its_own_price() -> None:
    budget = Budget(max_usd=1.0)
    request = ChatRequest("m", [{"role": "user", "content": "?"}])
    with budget.reserve(request, Prices(0.0, 100.0)) as held:
        assert held.most_usd == pytest.approx(0.4096)
        held.reply = ChatReply("x", prompt_tokens=1, completion_tokens=1000)
    assert budget.spend.cost_usd == pytest.approx(0.1)
