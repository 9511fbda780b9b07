"""Roles: which model answers for what, under which limits and at what price, and who said so.

A setting comes from the first of: an option of the command, MRALIGN_ROLE_SETTING, the file's
`[roles.ROLE]`, the variable for all roles, the file's `[defaults]`, the built-in value. A key is
never a setting: `key_variable` names the environment variable that holds it.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.budget import Prices
from store.errors import InvalidInput

VARIABLES_FOR_ALL = {"model": "MRALIGN_MODEL", "base_url": "OPENAI_BASE_URL"}
_SECRET = re.compile(r"api_?key|secret|password|authorization|^key$", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")

Settings = Mapping[str, Any]
Layer = tuple[str, Settings]


class Role(StrEnum):
    """What a language model is asked to be."""

    LABELER = "labeler"
    ANNOTATOR_A = "annotator_a"
    ANNOTATOR_B = "annotator_b"
    ADJUDICATOR = "adjudicator"
    NAMER = "namer"
    JUDGE = "judge"
    POLICY = "policy"


@dataclass(frozen=True)
class RoleSettings:
    """What is in force for a role; `sources` says of each setting where it came from."""

    role: Role
    model: str | None = None
    base_url: str | None = None
    key_variable: str = "OPENAI_API_KEY"
    temperature: float | None = 0.0
    seed: int | None = None
    max_tokens: int = 4096
    timeout_s: float = 120.0
    at_once: int = 8
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    price_in_usd: float = 0.0
    price_out_usd: float = 0.0
    batch_price_share: float = 0.5  # of both prices, what the Batch API takes
    extra_body: Mapping[str, Any] | None = None  # goes into every request as it is
    suffix: str | None = None  # ends every question, as /no_think does
    deployment: str | None = None  # tells apart models of one name at two addresses
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def prices(self) -> Prices:
        """Dollars per million tokens."""
        return Prices(self.price_in_usd, self.price_out_usd)


SETTINGS = tuple(f.name for f in fields(RoleSettings) if f.name not in ("role", "sources"))
_WHOLE = {"seed": 0, "max_tokens": 1, "at_once": 1, "requests_per_minute": 1,
          "tokens_per_minute": 1}  # fmt: skip
_REAL = ("temperature", "timeout_s", "price_in_usd", "price_out_usd", "batch_price_share")
_OPTIONAL = ("temperature", "seed", "requests_per_minute", "tokens_per_minute", "extra_body",
             "suffix", "deployment")  # fmt: skip
OURS = ("model", "messages", "response_format", "temperature", "seed", "max_tokens", "stream", "n")


@dataclass(frozen=True)
class ModelsFile:
    """A config file: settings for all roles, and for one."""

    name: str = ""
    defaults: Settings = field(default_factory=dict)
    roles: Mapping[str, Settings] = field(default_factory=dict)


def read_models_file(path: Path) -> ModelsFile:
    """The settings in a TOML file.

    Raises:
        InvalidInput: it cannot be read, or has something that is no setting.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = f"{type(error).__name__} at {error}" if isinstance(error, OSError) else "no TOML"
        raise InvalidInput(f"expected a TOML file of models in {path}, got {reason}") from None
    _check_names(document, ("defaults", "roles"), f"{path}")
    roles = _table(document, "roles", path)
    _check_names(roles, tuple(Role), f"[roles] of {path}")
    for name in roles:
        _check_names(_table(roles, name, path), SETTINGS, f"[roles.{name}] of {path}")
    defaults = _table(document, "defaults", path)
    _check_names(defaults, SETTINGS, f"[defaults] of {path}")
    return ModelsFile(str(path), defaults, roles)


def _table(document: Settings, name: str, path: Path) -> Settings:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise InvalidInput(f"expected a table {name} in {path}, got a plain value")
    return table


def _check_names(given: Settings, known: tuple[str, ...], where: str) -> None:
    keys = sorted(name for name in given if "key" in name and name not in known)
    if keys:
        raise InvalidInput(
            f"expected no key in {where}, got {keys}: put it into an environment variable, and "
            'name that with key_variable = "VARIABLE"'
        )
    if unknown := sorted(set(given) - set(known)):
        raise InvalidInput(f"expected {', '.join(known)} in {where}, got {unknown}")


def resolve_role(
    role: Role,
    *,
    options: Settings | None = None,
    fallback: Layer | None = None,
    file: ModelsFile | None = None,
    variables: Mapping[str, str] | None = None,
) -> RoleSettings:
    """The settings of a role, each from the first layer that has it.

    `options` come from the command line; `fallback` is a layer behind everything that speaks of
    this role alone.

    Raises:
        InvalidInput: a setting makes no sense; what was given is quoted for plain settings only.
    """
    found: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for origin, layer in _layers(role, options, fallback, file or ModelsFile(), variables or {}):
        for name, raw in layer.items():
            if name not in found and raw is not None:
                sources[name] = where = origin.format(name=name, NAME=name.upper())
                found[name] = checked(name, raw, where)
    return RoleSettings(role, **found, sources=sources)


def _layers(
    role: Role,
    options: Settings | None,
    fallback: Layer | None,
    file: ModelsFile,
    variables: Mapping[str, str],
) -> list[Layer]:
    prefix, shown = f"MRALIGN_{role.upper()}_", file.name.replace("{", "{{").replace("}", "}}")
    own = {name: variables.get(prefix + name.upper()) or None for name in SETTINGS}
    shared = [
        (variable, {name: variables.get(variable) or None})
        for name, variable in VARIABLES_FOR_ALL.items()
    ]
    behind = [fallback] if fallback else []
    return [
        ("option", options or {}), (prefix + "{NAME}", own),
        (f"{shown} [roles.{role}]", file.roles.get(role, {})), *behind, *shared,
        (f"{shown} [defaults]", file.defaults),
    ]  # fmt: skip


def checked(name: str, raw: Any, where: str) -> Any:
    """A setting's value, in its type.

    Raises:
        InvalidInput: it is none.
    """
    if name in _OPTIONAL and raw == "none":
        return None
    if name == "base_url":
        return checked_address(raw, where)
    if name == "key_variable":
        return _checked_variable(raw, where)
    if name == "extra_body":
        return _checked_body(raw, where)
    if name in _WHOLE or name in _REAL:
        return _checked_number(name, raw, where)
    if not isinstance(raw, str) or not raw.strip():
        raise InvalidInput(f"expected a name in {where} for {name}, got {type(raw).__name__}")
    return raw.strip()


def checked_address(raw: Any, where: str) -> str:
    """An address of the web that holds no secret, since it is shown.

    Raises:
        InvalidInput: it is none; the message does not hold it.
    """
    if not isinstance(raw, str) or not raw.startswith(("http://", "https://")):
        raise InvalidInput(f"expected an http or https address in {where}")
    parts = urlsplit(raw)
    if parts.username or parts.password or parts.query or not parts.hostname:
        raise InvalidInput(f"expected an address without user, password and query in {where}")
    return raw


def _checked_variable(raw: Any, where: str) -> str:
    if not isinstance(raw, str) or not _VARIABLE.fullmatch(raw):
        raise InvalidInput(
            f"expected the name of an environment variable, such as OPENAI_API_KEY, in {where}; "
            "the key itself belongs into that variable"
        )
    return raw


def _checked_body(raw: Any, where: str) -> dict[str, Any]:
    """Fields for the body of a request: a table of the file, or JSON in a variable."""
    try:
        body = json.loads(raw) if isinstance(raw, str) else raw
        json.dumps(body)
    except (ValueError, TypeError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidInput(
            f"expected a table in {where} for extra_body, or a JSON object in a variable, such as "
            '{"chat_template_kwargs": {"enable_thinking": false}}'
        )
    if secret := sorted(name for name in _names(body) if _SECRET.search(name)):
        raise InvalidInput(
            f"expected no key in {where} for extra_body, got {secret}: it would be stored with "
            "each request; put it into an environment variable, and name that with key_variable"
        )
    if taken := sorted(set(body) & set(OURS)):
        raise InvalidInput(f"expected other fields than {taken} in {where} for extra_body")
    return body


def _names(document: Any) -> Iterator[str]:
    """The names of all fields, however deep."""
    if isinstance(document, dict):
        yield from (str(name) for name in document)
    if isinstance(document, dict | list):
        for inside in document.values() if isinstance(document, dict) else document:
            yield from _names(inside)


def _checked_number(name: str, raw: Any, where: str) -> int | float:
    least, kind = _WHOLE.get(name, 0), int if name in _WHOLE else float
    try:
        number = kind(raw) if not isinstance(raw, bool) else None
    except (TypeError, ValueError, OverflowError):
        number = None
    whole = kind is float or number == raw or isinstance(raw, str)
    if number is None or not whole or not least <= number < float("inf"):
        noun = "a whole number" if kind is int else "a number"
        raise InvalidInput(f"expected {noun} of {least} or more in {where} for {name}")
    return number
