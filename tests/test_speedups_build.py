"""_speedups.c compiles without a warning, reads nothing it should not, and is missed by nobody where it does not compile."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "aioinformer" / "_speedups.c"
INCLUDE = sysconfig.get_path("include")
GCC = which("gcc") or ""
STRICT = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-DPy_LIMITED_API=0x030B0000", f"-I{INCLUDE}")
SANITIZE = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

compiles = pytest.mark.skipif(
    not GCC or not Path(INCLUDE, "Python.h").exists() or bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="needs gcc, and Python's headers with a stable ABI",
)
widths = pytest.mark.parametrize("narrow", [(), ("-U__SSE2__",)], ids=["sixteen bytes at a time", "eight"])


def compiled(to: Path, *options: str) -> Path:
    """The extension in a file of its own."""
    subprocess.check_call([GCC, *STRICT, *options, "-shared", "-fPIC", str(SOURCE), "-o", str(to)])
    return to


@compiles
@widths
def test_it_compiles_without_a_warning(narrow: tuple[str, ...], tmp_path: Path) -> None:
    assert compiled(tmp_path / "_speedups.so", *narrow).exists()


def test_what_later_headers_do_not_count_is_not_used() -> None:
    """From 3.12 on these take no reference, whatever version the limited API is of: 3.11 would let go of None one day."""
    assert not re.search(r"\bPy_RETURN_(?:NONE|TRUE|FALSE)\b;", SOURCE.read_text())


@pytest.mark.soak
@compiles
@widths
def test_no_sanitizer_finds_anything(narrow: tuple[str, ...], tmp_path: Path) -> None:
    """AddressSanitizer and UndefinedBehaviorSanitizer end the program at the first byte that is not its own."""
    library = compiled(tmp_path / "_speedups.so", *SANITIZE, *narrow)
    preload = [
        subprocess.check_output([GCC, f"-print-file-name={name}.so"], text=True).strip()
        for name in ("libasan", "libubsan")
    ]
    if not all(map(os.path.isabs, preload)):
        pytest.skip("gcc came without its sanitizers")
    said = subprocess.check_output(
        [sys.executable, "-m", "tests.sanitized", str(library)],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": " ".join(preload), "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"},
        text=True,
    )
    tried, found = map(int, said.split())
    assert 0 < found < tried


@pytest.mark.soak
@pytest.mark.parametrize(
    ("compiler", "there"), [pytest.param({}, True, marks=compiles), ({"CC": "false"}, False)], ids=["compiler", "none"]
)
def test_a_wheel_is_built_with_or_without(compiler: dict[str, str], *, there: bool, tmp_path: Path) -> None:
    """From the source distribution, so that has the C in it."""
    subprocess.check_call(
        [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)],
        env={**os.environ, **compiler},
        stdout=subprocess.DEVNULL,
    )
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"aioinformer/py.typed", "aioinformer/speedups.py", "aioinformer/testing/nobody.pem"} <= {*names}
    assert any(name.startswith("aioinformer/_speedups.") and not name.endswith(".pyi") for name in names) is there
    assert not there or "-cp311-abi3-" in wheel.name
