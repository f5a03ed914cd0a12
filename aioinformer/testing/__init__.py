"""A Kubernetes API server in a box, for tests of whatever talks to one; and a real one, for what the box can't show.

- The box: ``server`` (``ApiServer``, its life), ``cluster`` (the verbs without HTTP), ``routes`` ``requests`` ``answers``
  ``bodies`` ``rendering`` ``media`` ``encoding`` (HTTP), ``mvcc`` (versions and history), ``listing`` ``watching``
  ``open_watches`` ``keepers`` (reads), ``writing`` ``patching`` ``checks`` (writes), ``selecting`` ``labels`` ``options`` (what is
  asked for), ``catalog`` ``discovery`` ``openapi`` (what is served), ``statuses`` (errors), ``front`` ``listener`` (sockets),
  ``clients`` ``tokens`` (who may come in).
- What goes wrong in it on request: ``verbs`` (``FaultVerbs``), ``faults`` (whom, how long), ``refusals`` (answers instead of the
  server's), ``conditions`` ``link`` ``view`` (worse service), ``installing``.
- Time in it: ``virtual_time`` (``VirtualTimeLoop``: minutes in milliseconds), ``settling`` (``settle``: nothing more is under way).
- In pytest: ``pytest_plugin`` ``pytest_control_plane``, which the fixtures of ``_aioinformer_pytest`` use.
- Life in it: ``simulator`` and ``workloads`` roll Deployments out.
- The real thing: ``control_plane`` (``ControlPlane``) runs etcd, kube-apiserver and kube-controller-manager.
"""

from __future__ import annotations

from aioinformer.testing.cluster import Cluster
from aioinformer.testing.control_plane import ControlPlane
from aioinformer.testing.faults import Fault
from aioinformer.testing.requests import Request
from aioinformer.testing.server import ApiServer
from aioinformer.testing.settling import NotSettled, settle
from aioinformer.testing.simulator import DeploymentSimulator
from aioinformer.testing.statuses import (
    AlreadyExistsError,
    ApiServerError,
    BadRequestError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from aioinformer.testing.verbs import FaultVerbs
from aioinformer.testing.virtual_time import Deadlock, VirtualTimeLoop

__all__ = [
    "AlreadyExistsError",
    "ApiServer",
    "ApiServerError",
    "BadRequestError",
    "Cluster",
    "ConflictError",
    "ControlPlane",
    "Deadlock",
    "DeploymentSimulator",
    "ExpiredError",
    "Fault",
    "FaultVerbs",
    "ForbiddenError",
    "InvalidError",
    "NotFoundError",
    "NotSettled",
    "Request",
    "VirtualTimeLoop",
    "settle",
]
