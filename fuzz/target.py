"""One target under atheris, in a process of its own: ``python -m fuzz.target event [libFuzzer's options] [corpus]``."""

from __future__ import annotations

import os
import sys

import atheris

with atheris.instrument_imports(include=["aioinformer", "fuzz.properties"]):
    from fuzz.properties import PROPERTIES

NICENESS = 10


def main(arguments: list[str]) -> None:
    """Fuzz until an option of libFuzzer's says to stop, or something breaks; the input that did is left in a file."""
    property_ = PROPERTIES[arguments[1]]
    os.nice(NICENESS)
    atheris.Setup([arguments[0], *arguments[2:]], property_)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
