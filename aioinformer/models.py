"""Objects as instances of a class the user names: a Struct, a dataclass, a pydantic or a Kubernetes client's model.

pydantic is never imported here: who has a model of it has imported it.
The generated models of kubernetes_asyncio (and of the official client, which has the same shape) describe themselves
in ``openapi_types`` and ``attribute_map``; reading those needs neither an ``ApiClient`` nor an import of the client.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["build_model", "document_of", "model_builder"]

M = TypeVar("M")
SAID = 3
"""Problems of one object that an error tells of."""
_LIST = re.compile(r"list\[(.+)\]")
_DICT = re.compile(r"dict\((?:str|string), ?(.+)\)")
_QUOTED = re.compile(r"(Invalid (?:enum )?value) .*(?= - at `)", re.DOTALL)
"""How msgspec's errors begin that go on with the value, up to where it stood."""


def build_model(model: type[M], raw: bytes) -> M:
    """An instance of ``model`` from an object's JSON; see ``model_builder``."""
    build: Callable[[bytes], M] = model_builder(model)
    return build(raw)


def document_of(instance: Any) -> dict[str, Any]:
    """The JSON document of a Kubernetes client's model: with the API's names, and without what is ``None``."""
    given = ((key, getattr(instance, name)) for name, key in instance.attribute_map.items())
    return {key: _plain(value) for key, value in given if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_plain, cast("list[object]", value)))
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in cast("dict[str, object]", value).items()}
    return document_of(value) if hasattr(value, "attribute_map") else value


def model_builder(model: type[Any]) -> Callable[[bytes], Any]:
    """The function that makes instances of ``model`` from JSON.

    Raises:
        TypeError: ``model`` is neither a Struct, nor a dataclass, nor a pydantic (2) or Kubernetes client's model.
    """
    if not isinstance(model, type):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise TypeError(f"{model!r} is no class")
    key: Any = model  # mypy does not take a class for hashable
    builder: Callable[[bytes], Any] = _builder_of(key)
    return builder


@cache
def _builder_of(model: Any) -> Callable[[bytes], Any]:
    if issubclass(model, msgspec.Struct) or dataclasses.is_dataclass(model):
        return _discreet(msgspec.json.Decoder(model).decode)
    pydantic: Any = sys.modules.get("pydantic")
    if pydantic is not None and issubclass(model, pydantic.BaseModel) and hasattr(model, "model_validate_json"):
        return _validated(model, pydantic.ValidationError)
    if hasattr(model, "openapi_types") and hasattr(model, "attribute_map"):
        build = _generated(model)
        return lambda raw: build(msgspec.json.decode(raw))
    raise TypeError(
        f"{model.__name__} is no model: give a msgspec.Struct, a dataclass, a model of pydantic 2, or a kubernetes_asyncio model such as V1Pod"
    )


def _discreet(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """The decoder, but that its errors do not quote a value: msgspec's do for enumerations and tags."""

    def decoded(raw: bytes) -> Any:
        try:
            return decode(raw)
        except msgspec.ValidationError as error:
            quoting = _QUOTED.match(str(error))
            if quoting is None:
                raise
        raise msgspec.ValidationError(quoting.expand(r"\1") + quoting.string[quoting.end() :])

    return decoded


def _validated(model: Any, refusal: type[Exception]) -> Callable[[bytes], Any]:
    """Builds a pydantic model; its errors, unlike pydantic's own, quote nothing of the object."""

    def build(raw: bytes) -> Any:
        try:
            return model.model_validate_json(raw)
        except refusal as error:
            found: Any = error
            problems = found.errors(include_url=False, include_input=False, include_context=False)
        said = (f"{problem['type']} - at `{_path(problem['loc'])}`" for problem in problems[:SAID])
        more = f"; and {len(problems) - SAID} more" if len(problems) > SAID else ""
        raise msgspec.ValidationError(f"{model.__name__}: {'; '.join(said)}{more}")

    return build


def _path(location: tuple[str | int, ...]) -> str:
    """As msgspec writes it: what is no field's name is a key of the object's own."""
    parts = (f".{part}" if isinstance(part, str) and part.isidentifier() else "[...]" for part in location)
    return f"${''.join(parts)}"


def _generated(model: type[Any]) -> Callable[[Any], Any]:
    """Builds one generated model class; its fields' builders are made when first needed, as models refer to themselves."""
    generated = next(
        base for base in model.__mro__ if "openapi_types" in vars(base)
    )  # a user's subclass lives elsewhere
    configuration = _lenient_configuration(sys.modules[generated.__module__])

    @cache
    def field_builders() -> list[tuple[str, str, Callable[[Any], Any]]]:
        package = sys.modules[generated.__module__.rpartition(".")[0]]
        return [
            (name, model.attribute_map[name], _builder(kind, package)) for name, kind in model.openapi_types.items()
        ]

    def build(data: Any) -> Any:
        fields = {name: make(data[key]) for name, key, make in field_builders() if data.get(key) is not None}
        return model(local_vars_configuration=configuration, **fields)

    return build


@cache
def _builder(kind: str, package: Any) -> Callable[[Any], Any]:
    if match := _LIST.fullmatch(kind):
        item = _builder(match[1], package)
        return lambda values: [None if value is None else item(value) for value in values]
    if match := _DICT.fullmatch(kind):
        item = _builder(match[1], package)
        return lambda values: {key: None if value is None else item(value) for key, value in values.items()}
    if kind in {"datetime", "date"}:
        return _timestamp
    nested = getattr(package, kind, None)
    return _generated(nested) if nested is not None else _same


def _timestamp(value: str) -> datetime:
    return msgspec.convert(value, datetime)


def _same(value: Any) -> Any:
    return value


@cache
def _lenient_configuration(module: Any) -> Any:
    """A client configuration that lets models hold what servers send; making one per instance costs more than the rest."""
    configuration = module.Configuration()
    configuration.client_side_validation = False
    return configuration
