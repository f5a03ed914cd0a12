from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aioinformer.testing import ApiServer
    from tests.examples.conftest import RunExample


async def test_lists_what_is_there_and_prints_every_change(server: ApiServer, run_example: RunExample) -> None:
    server.create("deployments.apps", {"metadata": {"name": "api"}})
    server.create("deployments.apps", {"metadata": {"name": "web"}})
    elsewhere = server.create("deployments.apps", {"metadata": {"name": "dns", "namespace": "kube-system"}})
    async with run_example("deployments.py") as program:
        assert [await program.line() for _ in range(2)] == ["1 -> api", "2 -> web"]
        present = {await program.line() for _ in range(3)}
        assert present == {"add default/api", "add default/web", "add kube-system/dns"}

        patched = server.patch("deployments.apps", "dns", {"spec": {"replicas": 3}}, namespace="kube-system")
        before, after = elsewhere["metadata"]["resourceVersion"], patched["metadata"]["resourceVersion"]
        assert await program.line() == f"update {before} {after}"

        server.delete("deployments.apps", "web")
        assert await program.line() == "delete default/web"

        server.create("deployments.apps", {"metadata": {"name": "web"}})
        assert await program.line() == "add default/web"
