"""A custom resource that goes away and comes back as something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioinformer import InformerState
from tests.faults.administrator import Administrator
from tests.faults.definitions import definition, install, resource, uninstall

if TYPE_CHECKING:
    from aioinformer.testing import ControlPlane
    from tests.faults.conftest import ClientFor, OnTrial


async def test_a_definition_that_returns_with_another_schema_is_followed_again(
    steady: ControlPlane, trial: OnTrial, client_for: ClientFor
) -> None:
    """With the definition go its objects; those made afterwards have another shape."""
    async with Administrator(steady) as administrator:
        await install(administrator, definition("widgets", size="integer"))
        run = trial(
            "CRD deleted, re-created with another schema",
            steady,
            client=client_for(steady),
            resource=resource("widgets"),
        )
        async with run as run:
            assert {tuple(obj.spec) for informer in run.informers for obj in informer} == {("size",)}
            await uninstall(administrator, "widgets")
            await run.all(lambda informer: informer.status.state is InformerState.MISSING)
            await install(administrator, definition("widgets", colour="string"))
        assert {tuple(obj.spec) for informer in run.informers for obj in informer} == {("colour",)}
