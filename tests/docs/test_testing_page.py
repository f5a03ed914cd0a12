"""docs/testing.md: its files are a project whose tests pass, and its table names every verb."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from aioinformer.testing import ApiServer
from aioinformer.testing.verbs import FaultVerbs

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
FILES = {
    block.splitlines()[0].removeprefix("# "): block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
}
REAL = "test_on_a_real_server.py"
TESTS = sorted(name for name in FILES if name.startswith("test_") and name != REAL)
SLOW = """
import asyncio
{mark}

async def test_a_day(api_server):
    await asyncio.sleep(24 * 3600)
    assert asyncio.get_running_loop().time() >= 24 * 3600
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """The files of the page in a directory, where every warning is an error."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    for name, text in FILES.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return pytester


def passes(project: pytest.Pytester, *arguments: str) -> int:
    """How many tests pass; that none does otherwise."""
    plugins = ("anyio.pytest_plugin", "pytest_asyncio.plugin", "_aioinformer_pytest")
    result = project.runpytest_inprocess(*(part for plugin in plugins for part in ("-p", plugin)), *arguments)
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed"}
    return outcomes["passed"]


@pytest.mark.parametrize("name", TESTS)
def test_its_tests_pass_as_they_stand(project: pytest.Pytester, name: str) -> None:
    assert passes(project, name) == len(re.findall(r"def test_", FILES[name]))


def test_its_first_test_has_less_than_20_lines() -> None:
    assert len(FILES["test_labels.py"].splitlines()) < 20


@pytest.mark.parametrize(
    ("directory", "mark", "mode"),
    [("hours", "", "auto"), ("days", "import pytest\npytestmark = pytest.mark.anyio", "strict")],
    ids=["pytest-asyncio", "anyio"],
)
def test_its_loops_make_time_pass_in_no_time(project: pytest.Pytester, directory: str, mark: str, mode: str) -> None:
    """With the fixtures, on either runner."""
    (project.path / directory / "test_slow.py").write_text(SLOW.format(mark=mark))
    assert passes(project, directory, f"--asyncio-mode={mode}") == 1


@pytest.mark.control_plane
def test_its_test_on_a_real_server_passes(
    assets: Path, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.delenv("AIOINFORMER_KUBECONFIG", raising=False)
    assert passes(project, REAL) == 1


def test_every_block_is_run() -> None:
    """One that no test above looks at is not on the page."""
    assert sorted({*FILES} - {*TESTS, REAL}) == ["days/conftest.py", "hours/conftest.py", "labels.py"]


def test_its_table_names_every_verb_with_its_options() -> None:
    """As they are called, and nothing that is none."""
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \| .+ \| .+ \|$", PAGE, re.MULTILINE)
    verbs = {name for name, verb in vars(FaultVerbs).items() if inspect.isfunction(verb) and not name.startswith("_")}
    assert {name for name, _ in rows} == verbs - {"heal", "send_bookmarks"} | {"uninstall"}
    for name, options in rows:
        parameters = inspect.signature(getattr(ApiServer, name)).parameters
        unpacked = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        for option in filter(None, (part.partition("=")[0].strip() for part in options.split(","))):
            assert unpacked or option in parameters, f"{name} has no {option}"
