"""How a cache keeps many objects in little memory: as compressed bytes, with a dictionary learnt from its own objects.

Objects stay plain when they come in, and are packed later, when nothing else is to be done or when too much has
gathered: a burst runs at plain speed, and what it may take in excess is bounded. A dictionary is made once there is a
mebibyte to pack, and made anew when it has stopped to suit what comes. What would not get smaller stays plain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aioinformer.burst import BURST
from aioinformer.compression import LONGEST_SAMPLE, Codec, available, spread
from aioinformer.dense import DenseRecord, PackedRecord, dense, head, parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aioinformer.objects import Stored

__all__ = ["Packer", "Storage", "StorageStatus"]

Storage = Literal["compressed", "plain"]

WORTHWHILE = 1024 * 1024
"""Bytes to pack that are worth a dictionary, which takes half of that itself with its tables."""
LARGEST = 1024 * 1024
"""Bytes of an object that is packed: more takes longer than the loop should be held."""
SAMPLES = 64
LABEL_SETS = 4096
"""Different sets of labels that are remembered at most, so that objects with equal ones share them."""
JUDGED = 256
"""Packed objects that a dictionary is judged by."""
DECAYED = 1.3
"""How many times worse than at first a dictionary may become."""
HARDLY = 0.9
"""A ratio that is not worth much."""


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """How a cache keeps its objects, as of now. Those neither packed nor waiting are larger than 1 MiB, or would not get smaller."""

    mode: Storage
    packed: int
    """Objects kept as compressed bytes."""
    packed_bytes: int
    """What these take, without the keys and labels that every object has."""
    waiting: int
    """Plain objects that are to be packed when there is time."""
    waiting_bytes: int
    """What these take."""
    ratio: float | None
    """Bytes after packing for each byte before, lately; ``None`` before the first."""
    dictionaries: int
    """How many were made so far."""
    note: str
    """Why objects that might be packed are not; ``""`` if there is nothing to say."""


class Packer:
    """Packs records for one cache; makes dictionaries, and judges them."""

    __slots__ = (
        "_codec", "_expected", "_judged", "_label_sets", "_latest", "_most_label_sets", "_packed_since", "_patience",
        "_plain_bytes", "_small_bytes", "_trouble", "dictionaries", "mode",
    )  # fmt: skip

    def __init__(self, mode: Storage = "compressed") -> None:
        self.mode: Storage = mode
        self._trouble = ""
        self.dictionaries = 0
        """How many were made so far."""
        if mode == "compressed" and not available():
            self.mode, self._trouble = "plain", "no compression on this platform: zstandard cannot be imported"
        self._codec: Codec | None = None
        self._label_sets: dict[int, dict[str, str]] = {}
        """By a hash of theirs: what is in them is not held once more."""
        self._latest: dict[str, str] = {}
        self._most_label_sets = LABEL_SETS
        self._patience = WORTHWHILE
        """Bytes to be packed before the next dictionary is made: twice as many each time."""
        self._packed_since = 0
        self._judge_anew()
        self._expected: float | None = None

    def _judge_anew(self) -> None:
        self._judged = self._plain_bytes = self._small_bytes = 0

    @property
    def ratio(self) -> float | None:
        """Bytes after packing for each before, lately."""
        return self._small_bytes / self._plain_bytes if self._plain_bytes else self._expected

    @property
    def note(self) -> str:
        """Why objects that might be packed are not; ``""`` if there is nothing to say."""
        if not self._trouble and (self.ratio or 0) > HARDLY:
            return "these objects hardly get smaller; those that get larger are kept as they came"
        return self._trouble

    def size(self, record: Stored) -> int:
        """The bytes that it has waiting if it is worth trying to pack, else 0."""
        if self.mode == "plain":
            return 0
        size = len(record.blob if type(record) is DenseRecord else record.raw)
        return size if size <= LARGEST else 0

    def dense(self, record: Stored) -> Stored:
        """An object of a first copy, in the form in which it waits."""
        if type(record) is DenseRecord or self.mode == "plain" or len(record.raw) > LARGEST:
            return record
        return dense(record, self._shared(record.labels))

    def is_ready(self, waiting_bytes: int) -> bool:
        """Whether there is a dictionary that suits, or enough to pack for making one."""
        if self._codec is None:
            return waiting_bytes >= min(self._patience, BURST)
        return waiting_bytes >= WORTHWHILE or not self.has_to_learn

    @property
    def has_to_learn(self) -> bool:
        """Whether there is no dictionary, or none that suits."""
        if self._codec is None:
            return True
        decayed = self._expected is not None and (self.ratio or 0) > DECAYED * self._expected
        return decayed and self._packed_since >= self._patience

    def learn(self, records: Sequence[Stored]) -> None:
        """Make a dictionary from these, in about a millisecond; if that does not work, there is what there was before."""
        self._patience = min(2 * self._patience, BURST) if self._codec is None else 2 * self._patience
        former = self._codec
        try:
            self._codec = Codec([_sample(records[place]) for place in spread(len(records), SAMPLES)])
        except ValueError as error:
            if self._codec is None:
                self._trouble = str(error)
            return
        if former is not None:
            former.retire()
        self._trouble = ""
        self.dictionaries += 1
        self._expected = None
        self._packed_since = 0
        self._judge_anew()

    def expect(self, objects: int) -> None:
        """The cache has so many objects: no more sets of labels are remembered than these can have, twice."""
        self._most_label_sets = min(LABEL_SETS, 2 * objects)

    def rest(self) -> None:
        """Nothing is to be packed for now."""
        if self._codec is not None:
            self._codec.rest()

    def pack(self, key: str, record: Stored) -> PackedRecord | None:
        """The same under this key object in less space; ``None`` if it would not be less, or nothing suits."""
        codec = self._codec
        if codec is None:
            return None
        uid, version, raw = parts(record)
        try:
            frame = codec.compress(raw)
        except ValueError as error:
            self._codec, self._trouble = None, str(error)
            return None
        blob = head(uid, version) + frame
        self._judge(len(raw), len(blob))
        if len(blob) >= len(raw):
            return None
        labels = record.labels if type(record) is DenseRecord else self._shared(record.labels)
        return PackedRecord(key, labels, blob, codec)

    def _judge(self, before: int, after: int) -> None:
        self._packed_since += before
        self._plain_bytes += before
        self._small_bytes += after
        self._judged += 1
        if self._judged < JUDGED:
            return
        ratio = self._small_bytes / self._plain_bytes
        if self._expected is None:
            self._expected = ratio
        self._judged //= 2
        self._plain_bytes //= 2
        self._small_bytes //= 2

    def _shared(self, labels: dict[str, str]) -> dict[str, str]:
        """Equal labels, in one dict for all."""
        if labels is self._latest:  # as they nearly always are for the objects of one ReplicaSet
            return labels
        sets = self._label_sets
        if len(sets) >= self._most_label_sets:
            sets.clear()
        known = sets.setdefault(hash(tuple(labels.items())), labels)
        self._latest = known if known == labels else labels
        return self._latest


def _sample(record: Stored) -> bytes:
    """As much of an object as a dictionary learns from."""
    return bytes(parts(record)[2][:LONGEST_SAMPLE])
