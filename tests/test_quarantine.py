"""What is known of an object that was set aside, and what is not kept of it."""

from __future__ import annotations

import pytest

from aioinformer.objects import Record, digest
from aioinformer.quarantine import Quarantined, forget_frames, origin

META = b'{"name":"web","uid":"u","annotations":{"note":"private"}}'


def quarantined(raw_metadata: bytes = META, version: str = "7") -> Quarantined:
    return Quarantined("default/web", version, ValueError("private"), raw_metadata)


def refuse() -> None:
    raise ValueError("no")


def refuse_thrice() -> None:
    """With an error that has a cause and a context, each with the frames it went through."""
    try:
        try:
            refuse()
        except ValueError:
            int("x")
    except ValueError as context:
        raise ValueError("outer") from context


def test_its_metadata_is_as_the_server_sent_it() -> None:
    assert quarantined().metadata == {"name": "web", "uid": "u", "annotations": {"note": "private"}}


@pytest.mark.parametrize("raw", [b"", b"{", b"7", b'{"name":"\xff"}', b'{"a":' * 100_000])
def test_metadata_that_cannot_be_read_is_empty(raw: bytes) -> None:
    assert quarantined(raw).metadata == {}


def test_its_digest_is_that_of_the_same_version_of_a_whole_object() -> None:
    assert quarantined().digest() == digest(Record("default/web", "u", "7", {}, b"{}"))
    assert quarantined(version="8").digest() != quarantined().digest()


@pytest.mark.parametrize(("raw", "version"), [(b"{}", "7"), (b'{"uid":7}', "7"), (b'{"uid":""}', "7"), (META, "")])
def test_without_identity_there_is_no_digest(raw: bytes, version: str) -> None:
    assert quarantined(raw, version).digest() is None


def test_neither_metadata_nor_the_errors_words_are_in_its_repr() -> None:
    assert repr(quarantined()) == "<Quarantined default/web resourceVersion=7 ValueError>"


def test_an_error_comes_from_the_line_that_raised_it() -> None:
    with pytest.raises(ValueError, match="no") as refused:
        refuse()
    line = refuse.__code__.co_firstlineno + 1
    assert origin(refused.value) == f"{__file__}:{line} in refuse"
    assert origin(ValueError("never raised")) == ""


def test_no_error_of_a_chain_keeps_its_frames() -> None:
    with pytest.raises(ValueError, match="outer") as refused:
        refuse_thrice()
    error: BaseException | None = refused.value
    forget_frames(error)
    length = 0
    while error is not None:
        assert error.__traceback__ is None
        error, length = error.__context__, length + 1
    assert length == 3
