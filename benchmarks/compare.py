"""The comparison with other clients, in one run: each a process of its own pinned to one core, the server on another.

Every line of ``PEERS`` is a program that prints one JSON line for a measure, as ``ours.py`` does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.bare import socket_span
from benchmarks.servers import CORES, PEERS, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Client", "run"]
