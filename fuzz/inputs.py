"""What the properties are tried on: the files in ``corpus/``, and bytes that Hypothesis makes, half of them from those files."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

__all__ = ["CORPUS", "LONGEST_INPUT", "corpus", "inputs"]

CORPUS = Path(__file__).parent / "corpus"
LONGEST_INPUT = 4096
"""Bytes."""


def corpus(target: str) -> list[Path]:
    """The seeds of a target, and what once broke it."""
    return sorted(path for path in (CORPUS / target).iterdir() if path.is_file())


def inputs(target: str) -> st.SearchStrategy[bytes]:
    """Any bytes, and files of the corpus with something put in, left out, doubled or taken from another file."""
    seeds = st.sampled_from([path.read_bytes() for path in corpus(target)])
    cut = st.integers(0, 400)
    spliced = st.builds(
        lambda head, until, middle, tail, since: (head[:until] + middle + tail[since:])[:LONGEST_INPUT],
        seeds, cut, st.binary(max_size=8), seeds, cut,
    )  # fmt: skip
    return st.binary(max_size=LONGEST_INPUT) | spliced
