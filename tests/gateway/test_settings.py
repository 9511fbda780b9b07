"""Settings of the endpoint: read from the environment, the key never shown."""

import pytest

from gateway.settings import ModelSettings, model_settings
from store.errors import InvalidInput

KEY = "sk-secret-000111222"


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MRALIGN_MODEL"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_key_or_an_address_there_is_no_endpoint() -> None:
    assert not model_settings().has_endpoint


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert not model_settings().has_endpoint


def test_an_address_alone_is_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    monkeypatch.setenv("MRALIGN_MODEL", "small")
    settings = model_settings()
    assert (settings.has_endpoint, settings.secret(), settings.model) == (True, None, "small")


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = ModelSettings()
    assert settings.secret() == KEY
    for shown in (
        repr(settings),
        str(settings),
        str(settings.model_dump()),
        settings.model_dump_json(),
    ):
        assert KEY not in shown


def test_an_address_that_is_none_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", KEY)
    with pytest.raises(InvalidInput, match="OPENAI_BASE_URL") as caught:
        model_settings()
    assert KEY not in str(caught.value)
