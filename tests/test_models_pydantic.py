"""models.py: models of pydantic 2."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, ClassVar, Literal

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.alias_generators import to_camel

from aioinformer import GroupVersionResource, SharedInformerFactory
from aioinformer.models import build_model
from aioinformer.testing import ApiServer


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Conditions(Camel):
    ready_replicas: int = 0
    phase: Literal["Running", "Pending"] = "Pending"


class Validated(Camel):
    api_version: str
    metadata: dict[str, Any]
    data: dict[str, int] = {}
    status: Conditions = Conditions()


def test_a_pydantic_model_reads_the_apis_names() -> None:
    built = build_model(
        Validated, b'{"apiVersion":"v1","metadata":{"name":"a"},"spec":{},"status":{"readyReplicas":2}}'
    )
    assert (built.api_version, built.metadata, built.status.ready_replicas) == ("v1", {"name": "a"}, 2)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"metadata":{}}', r"^Validated: missing - at `\$\.apiVersion`$"),
        (b'{"apiVersion":"v1","metadata":{},"data":{"a-key":"secret"}}', r"int_parsing - at `\$\.data\[\.\.\.\]`$"),
        (b'{"apiVersion":"v1","metadata":{},"status":{"phase":"secret"}}', r"literal_error - at `\$\.status\.phase`$"),
        (
            b'{"metadata":{},"data":{"a":"secret","b":"secret","c":"secret"}}',
            r"missing.*int_parsing.*int_parsing.*; and 1 more$",
        ),
        (b"secret", "json_invalid - at `\\$`"),
    ],
)
def test_an_object_that_does_not_fit_a_pydantic_model_is_not_quoted(raw: bytes, message: str) -> None:
    """Nor is pydantic's own error, which does, chained to ours."""
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        build_model(Validated, raw)
    assert "secret" not in str(raised.value)
    assert raised.value.__context__ is None


def test_what_a_users_validator_raises_besides_is_its_own() -> None:
    class Strict(BaseModel):
        kind: str

        @field_validator("kind")
        @classmethod
        def check(cls, _: str) -> str:
            raise LookupError

    with pytest.raises(LookupError):
        build_model(Strict, b'{"kind":"Pod"}')


def test_pydantic_is_not_imported_by_the_library() -> None:
    """Whoever does without it does not pay for it."""
    program = "import sys, aioinformer, msgspec; from aioinformer.models import model_builder; "
    program += "model_builder(msgspec.defstruct('S', ['kind'])); sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603  # our own program


class Settings(Camel):
    __resource__: ClassVar[GroupVersionResource] = GroupVersionResource("", "v1", "configmaps")

    metadata: dict[str, Any]
    data: dict[str, int]


async def test_an_informer_hands_out_models_and_sets_aside_what_does_not_fit() -> None:
    """By a model that names its resource; a later version that fits gets in."""
    async with ApiServer() as server, server.api_client() as client:
        for name, size in (("a", "3"), ("b", "secret")):
            server.create("configmaps", {"metadata": {"name": name, "namespace": "default"}, "data": {"size": size}})
        async with SharedInformerFactory(client) as factory:
            settings = factory.informer(Settings)
            await settings.wait_for_cache_sync(10)
            assert [it.data for it in settings] == [{"size": 3}]
            assert str(settings.quarantine["default/b"].error) == "Settings: int_parsing - at `$.data.size`"
            server.patch("configmaps", "b", {"data": {"size": "4"}}, namespace="default")
            found = await settings.wait_for("default/b", 10)
            assert (found.data, settings.quarantine) == ({"size": 4}, {})
