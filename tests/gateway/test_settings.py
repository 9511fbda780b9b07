"""Settings of roles: read from the environment, the key never shown."""

from pathlib import Path

import pytest

from gateway.roles import Role
from gateway.settings import find_secret, load_role
from store.errors import InvalidInput

KEY = "sk-secret-000111222"


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MRALIGN_MODEL", "MRALIGN_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    assert find_secret("OPENAI_API_KEY") is None
    assert load_role(Role.JUDGE).base_url is None


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    secret = find_secret("OPENAI_API_KEY")
    assert secret is not None and secret.get_secret_value() == KEY
    assert KEY not in repr(secret) + str(secret) + repr(load_role(Role.JUDGE))


def test_an_address_that_is_none_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", KEY)
    with pytest.raises(InvalidInput, match="OPENAI_BASE_URL") as caught:
        load_role(Role.LABELER)
    assert KEY not in str(caught.value)


def test_what_goes_into_the_body_comes_from_the_file_or_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "models.toml"
    path.write_text(
        '[roles.judge]\nmodel = "j"\nsuffix = "/no_think"\n'
        "[roles.judge.extra_body.chat_template_kwargs]\nenable_thinking = false\n"
    )
    judge = load_role(Role.JUDGE, path)
    assert judge.extra_body == {"chat_template_kwargs": {"enable_thinking": False}}
    assert judge.suffix == "/no_think"
    monkeypatch.setenv("MRALIGN_JUDGE_EXTRA_BODY", '{"top_k": 20}')
    assert load_role(Role.JUDGE, path).extra_body == {"top_k": 20}


@pytest.mark.parametrize(
    "text", ["[1]", "{", '{"model": "x"}', '{"n": 3}', '{"extra": [{"api_key": "sk-9"}]}']
)
def test_a_body_that_is_none_or_takes_our_fields_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRALIGN_JUDGE_EXTRA_BODY", text)
    with pytest.raises(InvalidInput, match="extra_body") as caught:
        load_role(Role.JUDGE)
    assert "sk-9" not in str(caught.value)
