"""The fixtures of the pytest plugin, in projects of their own: under pytest-asyncio, under anyio's plugin, and under neither."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.testing.conftest import BOTH, RunProject

if TYPE_CHECKING:
    from collections.abc import Sequence

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("plugins", [BOTH, BOTH[::-1], BOTH[1:]], ids=["both", "both, reversed", "alone"])
@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_a_test_of_pytest_asyncio_has_its_server_and_client_on_its_loop(
    run: RunProject, mode: str, plugins: Sequence[str]
) -> None:
    """Whatever the mode, the scope of the loop, and whether a coroutine, a method or Hypothesis' wrapper is run."""
    result = run(
        """
        import hypothesis

        @pytest.mark.asyncio
        async def test_function(api_server, api_client):
            await uses(api_server, api_client)

        @pytest.mark.asyncio(loop_scope="session")
        async def test_session(api_server, api_client):
            await uses(api_server, api_client)

        @pytest.mark.asyncio(loop_scope="class")
        class TestClass:
            async def test_method(self, api_server, api_client):
                await uses(api_server, api_client)

        @pytest.mark.asyncio
        @hypothesis.settings(max_examples=1, suppress_health_check=list(hypothesis.HealthCheck), database=None)
        @hypothesis.given(number=hypothesis.strategies.just(1))
        async def test_property(api_server, api_client, number):
            await uses(api_server, api_client)
        """,
        f"--asyncio-mode={mode}",
        plugins=plugins,
    )
    result.assert_outcomes(passed=4)


def test_the_default_scope_of_loops_is_respected(run: RunProject) -> None:
    """A project may have one loop for all tests of a module."""
    result = run(
        """
        loops = set()

        @pytest.mark.parametrize("turn", [1, 2])
        async def test_it(api_server, api_client, turn):
            loops.add(asyncio.get_running_loop())
            assert len(loops) == 1
            await uses(api_server, api_client)
        """,
        "--asyncio-mode=auto",
        "-o",
        "asyncio_default_test_loop_scope=module",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("plugins", [BOTH, BOTH[::-1], BOTH[:1]], ids=["both", "both, reversed", "alone"])
def test_a_test_of_anyio_has_its_server_and_client_on_its_loop(run: RunProject, plugins: Sequence[str]) -> None:
    """With options for the loop as well, and beside an asynchronous fixture of the project's own."""
    result = run(
        """
        pytestmark = pytest.mark.anyio

        @pytest.fixture(params=["asyncio", ("asyncio", {"debug": True})], ids=["plain", "debug"])
        def anyio_backend(request):
            return request.param

        @pytest.fixture
        async def namespaces(api_client):
            async with SharedInformerFactory(api_client) as factory:
                yield factory.core.v1.namespaces

        async def test_it(api_server, api_client):
            await uses(api_server, api_client)

        async def test_a_fixture(api_server, namespaces):
            api_server.create("namespaces", {"metadata": {"name": "shop"}})
            await namespaces.wait_for("shop", timeout=5)
        """,
        plugins=plugins,
    )
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize("plugins", [BOTH, BOTH[1:]], ids=["both", "alone"])
def test_an_asynchronous_fixture_of_the_project_shares_the_loop(run: RunProject, plugins: Sequence[str]) -> None:
    result = run(
        """
        import pytest_asyncio
        pytestmark = pytest.mark.asyncio

        @pytest_asyncio.fixture
        async def namespaces(api_client):
            async with SharedInformerFactory(api_client) as factory:
                yield factory.core.v1.namespaces

        async def test_it(api_server, namespaces):
            api_server.create("namespaces", {"metadata": {"name": "shop"}})
            await namespaces.wait_for("shop", timeout=5)
        """,
        plugins=plugins,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["def test_it(api_server): ..."], "api_server: test_it is not async."),
        (["def test_it(api_client): ..."], "api_server: test_it is not async."),
        (["async def test_it(api_server): ..."], "test_it is run by no plugin (is it marked?)."),
        (["def test_it(anyio_backend, api_server): ..."], "test_it[[]asyncio[]] is not async."),
        (
            ["@pytest.mark.asyncio", "@pytest.mark.anyio", "async def test_it(api_server): ..."],
            "test_it[[]asyncio[]] is run by pytest-asyncio and marked for anyio.",
        ),
        (
            [
                "@pytest.mark.parametrize('anyio_backend', ['trio'])",
                "async def test_it(anyio_backend, api_server): ...",
            ],
            "test_it[[]trio[]] runs on trio (override the fixture anyio_backend).",
        ),
    ],
    ids=["synchronous", "synchronous client", "unmarked", "anyio, synchronous", "marked twice", "trio"],
)
def test_a_test_without_a_loop_fails_and_is_told_why(run: RunProject, lines: list[str], reason: str) -> None:
    """And what else there is; instead of a server that never answers."""
    result = run("\n".join(lines))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{reason} This fixture lives on*use `async with ApiServer() as server`."])


def test_an_old_pytest_asyncio_is_refused(run: RunProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hand out a generator instead of a server."""
    monkeypatch.setattr(pytest_asyncio, "__version__", "1.0.0")
    result = run("@pytest.mark.asyncio\nasync def test_it(api_server): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_it is run by pytest-asyncio 1.0.0, which is too old.*"])


@pytest.mark.parametrize(("mark", "mode"), [("asyncio", "strict"), ("asyncio", "auto"), ("anyio", "strict")])
def test_server_and_client_are_closed_also_after_a_failure(run: RunProject, mark: str, mode: str) -> None:
    """What the next test sees of them."""
    result = run(
        f"""
        pytestmark = pytest.mark.{mark}
        used = []

        async def test_fails(api_server, api_client):
            used.append((api_server, api_client))
            factory = SharedInformerFactory(api_client)
            await factory.__aenter__()
            await factory.core.v1.pods.wait_for_cache_sync(timeout=5)
            try:
                raise ZeroDivisionError
            finally:
                await factory.__aexit__()

        async def test_next(api_server):
            [(server, client)] = used
            assert client.rest_client.pool_manager.closed
            assert api_server is not server
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", server.port)
        """,
        f"--asyncio-mode={mode}",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*ZeroDivisionError*"])


def test_a_test_may_use_more_servers(run: RunProject) -> None:
    """They know nothing of each other."""
    result = run(
        """
        async def test_it(api_server, api_client):
            async with ApiServer() as other, other.api_client() as client:
                await asyncio.gather(uses(api_server, api_client), uses(other, client))
                assert other.port != api_server.port
                other.create("namespaces", {"metadata": {"name": "elsewhere"}})
                assert "elsewhere" not in [each["metadata"]["name"] for each in api_server.list("namespaces")]
        """,
        "--asyncio-mode=auto",
    )
    result.assert_outcomes(passed=1)


def test_settings_come_from_a_fixture_that_a_project_a_module_or_a_test_overrides(
    run: RunProject, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def api_server_settings():
            return {"bookmark_interval": 0.5}
        """
    )
    result = run(
        """
        async def test_of_the_project(api_server):
            assert (api_server.bookmark_interval, api_server.token) == (0.5, None)

        class TestClass:
            @pytest.fixture
            def api_server_settings(self, api_server_settings):
                return {**api_server_settings, "token": "secret"}

            async def test_of_the_class(self, api_server, api_client):
                assert (api_server.bookmark_interval, api_server.token) == (0.5, "secret")
                await uses(api_server, api_client)

        @pytest.mark.parametrize("api_server_settings", [{"token": "other"}])
        async def test_of_the_test(api_client):
            assert api_client.configuration.api_key == {"BearerToken": "Bearer other"}
        """,
        "--asyncio-mode=auto",
    )
    result.assert_outcomes(passed=3)


def test_a_project_may_have_fixtures_of_the_same_names(run: RunProject) -> None:
    """Its own win, in synchronous tests, too."""
    result = run(
        """
        @pytest.fixture
        def api_server():
            return "mine"

        @pytest.fixture
        def api_client(api_server):
            return api_server

        def test_it(api_client):
            assert api_client == "mine"
        """,
        plugins=(),
    )
    result.assert_outcomes(passed=1)


def test_the_client_of_a_test_that_uses_both_clusters_has_to_be_made_by_the_test(run: RunProject) -> None:
    result = run(
        """
        @pytest.fixture
        def control_plane(): ...

        async def test_it(api_server, control_plane, api_client): ...
        """,
        "--asyncio-mode=auto",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["api_client cannot tell whether it is for the api_server or the control_plane*"])


def test_a_run_that_does_not_use_the_kit_does_not_import_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plugin is loaded wherever the library is installed: it may cost nothing, and come before coverage with nothing."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(
        """
        import sys

        def test_it():
            names = {name.partition(".")[0] for name in sys.modules}
            assert "_aioinformer_pytest" in names
            assert names.isdisjoint({"aioinformer", "aiohttp", "asyncio", "kubernetes_asyncio", "msgspec"})
        """
    )
    result = pytester.run(sys.executable, "-W", "error", "-m", "pytest", "-p", "_aioinformer_pytest")
    result.assert_outcomes(passed=1)


def test_the_distribution_registers_the_plugin() -> None:
    """As ``aioinformer``, which is what ``-p no:aioinformer`` blocks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"aioinformer": "_aioinformer_pytest"}
    assert [name.partition(">")[0] for name in project["optional-dependencies"]["testing"]] == ["pytest"]
