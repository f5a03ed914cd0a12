"""What differs between pods that are alike: marks in a template, and what is drawn for each from a pod's seed and number.

A mark is ``<kind:number...>`` in a string. Values are as wide for one pod as for any other, so that a template's bytes
are filled in place: in JSON here, in JSON and protobuf by the server in ``peers/replay``, which draws the same.
"""

from __future__ import annotations

import hashlib
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["GROUPS", "PER_OWNER", "Blank", "Plate", "at_version"]

GROUPS: Final = 40
"""How many templates there are."""
PER_OWNER: Final = 20
"""How many pods one owner has. Pod ``n`` is of group ``n % GROUPS``, and its owner's pods are ``GROUPS`` apart."""
EPOCH: Final = 1_740_787_200
"""The first of March 2025."""
YEARISH: Final = 10_000_000
ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""The letters Kubernetes draws generated names from."""
STREAM: Final = 192
"""Bytes drawn per pod, and per owner."""
MARK: Final = re.compile(rb"<([a-zA-Z])((?::\d+)*)>")


class Blank:
    """The marks of a template. Numbers are offsets into the bytes drawn: of the pod, for a capital of its owner."""

    UID = "<u:0>"
    SANDBOX = "<h:16:32>"
    CONTAINERS: Final = {"app": "<h:48:32>", "proxy": "<h:80:32>"}
    ADDRESS = "<a:112>"
    NODE = "<n:115>"
    NODE_ADDRESS = "<i:115>"
    TOKEN = "<s:117:5>"  # noqa: S105  # part of a volume's name
    STARTED = "<t:122>"
    SUFFIX = "<k>"
    ORDINAL = "<o>"
    FIRST_VERSION = "<f>"
    VERSION = "<v>"
    AT_VERSION = "<m>"
    OWNER_UID = "<U:0>"
    CONFIG = "<H:16:32>"
    DIGESTS: Final = {"app": "<H:48:32>", "proxy": "<H:80:32>"}
    OWNER_HASH = "<S:112:10>"
    APP_VERSION = "<R:122>"

    @staticmethod
    def soon_after_start(number: int) -> str:
        """The mark of a time up to 40 s after the pod's start, another one for each number."""
        return f"<t:122:{125 + number}>"


class Plate:
    """Bytes with blanks, ready to be filled for any pod of the group."""

    def __init__(self, marked: bytes) -> None:
        self._values: list[Callable[[_Pod], bytes]] = []
        self._parts: list[bytes] = []
        self._places: list[int] = []
        place_of: dict[bytes, int] = {}
        end = 0
        for mark in MARK.finditer(marked):
            self._parts += [marked[end : mark.start()], b""]
            end = mark.end()
            if mark.group() not in place_of:
                place_of[mark.group()] = len(self._values)
                self._values.append(_value(mark[1].decode(), [int(n) for n in mark[2].split(b":")[1:]]))
            self._places.append(place_of[mark.group()])
        self._parts.append(marked[end:])

    def fill(self, number: int, seed: int = 0, version: int = 0) -> bytes:
        """The bytes for this pod; ``version`` goes where the template asks for one."""
        pod = _Pod(number, seed, version)
        values = [value(pod) for value in self._values]
        self._parts[1::2] = [values[place] for place in self._places]
        return b"".join(self._parts)


class _Pod:
    """One pod while its blanks are filled."""

    __slots__ = ("number", "of_owner", "own", "version")

    def __init__(self, number: int, seed: int, version: int) -> None:
        self.number = number
        self.version = version
        self.own = _drawn(f"{seed}/{number}")
        self.of_owner = _drawn_of_owner(seed, number // (GROUPS * PER_OWNER) * GROUPS + number % GROUPS)


def _drawn(what: str) -> bytes:
    return hashlib.shake_128(what.encode()).digest(STREAM)


@lru_cache(2 * GROUPS)
def _drawn_of_owner(seed: int, owner: int) -> bytes:
    return _drawn(f"{seed}/owner/{owner}")


def at_version(version: int) -> str:
    """The time at which an object came to a version: one per second."""
    return _time(EPOCH + YEARISH + version).decode()


def _value(kind: str, args: list[int]) -> Callable[[_Pod], bytes]:
    if kind in NUMBERED:
        return NUMBERED[kind]
    draw = DRAWN[kind.lower()]
    if kind.isupper():
        return lambda pod: draw(pod.of_owner, *args)
    return lambda pod: draw(pod.own, *args)


def _uid(drawn: bytes, at: int) -> bytes:
    digits = drawn[at : at + 16].hex().encode()
    return b"%b-%b-4%b-a%b-%b" % (digits[:8], digits[8:12], digits[13:16], digits[17:20], digits[20:])


def _hex(drawn: bytes, at: int, size: int) -> bytes:
    return drawn[at : at + size].hex().encode()


def _address(drawn: bytes, at: int) -> bytes:
    return b"10.%d.%d.%d" % (100 + drawn[at] % 100, 100 + drawn[at + 1] % 100, 100 + drawn[at + 2] % 100)


def _node_octets(drawn: bytes, at: int) -> tuple[int, int, int]:
    """One of 5,000 nodes."""
    node = (drawn[at] << 8 | drawn[at + 1]) % 5000
    return 100 + node // 100, 100 + node % 100, 100 + node * 37 % 100


def _node(drawn: bytes, at: int) -> bytes:
    octets = _node_octets(drawn, at)
    return b"ip-10-%d-%d-%d.eu-west-1%c.compute.internal" % (*octets, b"abc"[sum(octets) % 3])


def _node_address(drawn: bytes, at: int) -> bytes:
    return b"10.%d.%d.%d" % _node_octets(drawn, at)


def _suffix(drawn: bytes, at: int, size: int) -> bytes:
    return "".join([ALPHABET[byte % 27] for byte in drawn[at : at + size]]).encode()


def _release(drawn: bytes, at: int) -> bytes:
    return b"%d.%d.%d" % (drawn[at] % 10, 10 + drawn[at + 1] % 30, drawn[at + 2] % 10)


def _started(drawn: bytes, at: int, soon: int | None = None) -> bytes:
    seconds = int.from_bytes(drawn[at : at + 3], "big") % YEARISH
    return _time(EPOCH + seconds + (0 if soon is None else drawn[soon] % 40))


@lru_cache(4096)
def _day(day: int) -> bytes:
    return time.strftime("%Y-%m-%dT", time.gmtime(day * 86_400)).encode()


def _time(seconds: int) -> bytes:
    day, second = divmod(seconds, 86_400)
    return b"%b%02d:%02d:%02dZ" % (_day(day), second // 3600, second // 60 % 60, second % 60)


def _key(pod: _Pod) -> bytes:
    """Five letters that look drawn and are no other pod's: the number times what shares no factor with 27**5."""
    rest = (pod.number * 7_368_787 + 1_234_567) % 27**5
    letters = ""
    for _ in range(5):
        rest, letter = divmod(rest, 27)
        letters += ALPHABET[letter]
    return letters.encode()


DRAWN: Final[dict[str, Callable[..., bytes]]] = {
    "u": _uid,
    "h": _hex,
    "a": _address,
    "n": _node,
    "i": _node_address,
    "s": _suffix,
    "r": _release,
    "t": _started,
}
NUMBERED: Final[dict[str, Callable[[_Pod], bytes]]] = {
    "k": _key,
    "o": lambda pod: b"%d" % (1_000_000 + pod.number),
    "f": lambda pod: b"%d" % (1_000_000 + pod.number),
    "v": lambda pod: b"%d" % pod.version,
    "m": lambda pod: _time(EPOCH + YEARISH + pod.version),
}
