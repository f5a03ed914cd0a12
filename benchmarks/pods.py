"""Pods as a busy cluster has them: about 7 kB of JSON each, over a quarter of it managedFields.

What is random in real pods is random here (uids, digests, name suffixes, addresses, times); what many pods share is
shared, as the pods of one Deployment are alike. The same seed and number always give the same bytes.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import msgspec

__all__ = ["JSON", "encoded", "modified", "pod", "small_pod"]

JSON: TypeAlias = dict[str, Any]

APPS = (
    "checkout",
    "catalog",
    "search",
    "payments",
    "gateway",
    "inventory",
    "mailer",
    "ledger",
    "thumbnails",
    "sessions",
)
TEAMS = ("storefront", "platform", "billing", "fulfilment")
NAMESPACES = ("shop", "shop-staging", "billing", "platform", "edge")
ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
"""The letters Kubernetes draws generated names from."""
EPOCH = datetime(2025, 3, 1, tzinfo=UTC)
LEAF: JSON = {}
"""A field that somebody owns."""
APP_FIELDS: JSON = {
    ".": LEAF,
    "f:args": LEAF,
    "f:env": {
        ".": LEAF,
        **{f'k:{{"name":"{name}"}}': {".": LEAF, "f:name": LEAF} for name in ("POD_NAME", "LOG_LEVEL")},
    },
    "f:image": LEAF,
    "f:imagePullPolicy": LEAF,
    "f:name": LEAF,
    "f:ports": {".": LEAF, 'k:{"containerPort":8080,"protocol":"TCP"}': {".": LEAF, "f:containerPort": LEAF}},
    "f:readinessProbe": {
        ".": LEAF,
        "f:failureThreshold": LEAF,
        "f:httpGet": {".": LEAF, "f:path": LEAF, "f:port": LEAF},
    },
    "f:resources": {".": LEAF, "f:limits": {".": LEAF, "f:memory": LEAF}, "f:requests": {".": LEAF, "f:cpu": LEAF}},
    "f:securityContext": {
        ".": LEAF,
        "f:allowPrivilegeEscalation": LEAF,
        "f:capabilities": {".": LEAF, "f:drop": LEAF},
    },
    "f:terminationMessagePath": LEAF,
    "f:terminationMessagePolicy": LEAF,
    "f:volumeMounts": {".": LEAF, 'k:{"mountPath":"/etc/app"}': {".": LEAF, "f:mountPath": LEAF, "f:name": LEAF}},
}
"""What managedFields says of a container's fields."""
SIDECAR_FIELDS: JSON = {
    ".": LEAF,
    "f:image": LEAF,
    "f:imagePullPolicy": LEAF,
    "f:name": LEAF,
    "f:resources": {".": LEAF, "f:requests": {".": LEAF, "f:cpu": LEAF, "f:memory": LEAF}},
    "f:terminationMessagePath": LEAF,
    "f:terminationMessagePolicy": LEAF,
}


def pod(number: int, *, seed: int = 0) -> JSON:
    """The pod of this number, as one of some forty Deployments has it: running, with a sidecar, probes and volumes."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311  # the same pods every time
    meta = _metadata(number, dice)
    ip, node = (
        _address(dice),
        f"ip-10-{dice.randrange(4)}-{dice.randrange(256)}-{dice.randrange(256)}.{dice.choice(ZONES)}.compute.internal",
    )
    images = {name: f"registry.example.com/{name}@sha256:{dice.randbytes(32).hex()}" for name in ("app", "proxy")}
    token = f"kube-api-access-{_suffix(dice)}"
    started = EPOCH + timedelta(seconds=dice.randrange(10_000_000))
    meta["creationTimestamp"] = _time(started)
    meta["managedFields"] = _managed_fields(dice, started, ip, meta["ownerReferences"][0]["uid"])
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": meta,
        "spec": _spec(meta["labels"]["app.kubernetes.io/name"], images, token, node),
        "status": _status(dice, images, ip, started),
    }


def small_pod(number: int, *, seed: int = 0) -> JSON:
    """A pod of about 1 kB: one container, no managedFields."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311  # the same pods every time
    meta = _metadata(number, dice)
    started = _time(EPOCH + timedelta(seconds=dice.randrange(10_000_000)))
    digest = f"registry.example.com/app@sha256:{dice.randbytes(32).hex()}"
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {**meta, "annotations": {}, "creationTimestamp": started},
        "spec": {"containers": [{"name": "app", "image": digest}], "nodeName": f"node-{dice.randrange(500)}"},
        "status": {"phase": "Running", "podIP": _address(dice), "startTime": started},
    }


def modified(document: JSON, version: int) -> JSON:
    """The pod once more, at another version, as a kubelet's report leaves it: a restart more, and so another time."""
    status = document["status"]
    at = _time(EPOCH + timedelta(seconds=10_000_000 + version))
    containers = [{**container, "restartCount": version} for container in status.get("containerStatuses", [])]
    conditions = [{**condition, "lastTransitionTime": at} for condition in status.get("conditions", [])]
    changed = {**status, "startTime": at, "conditions": conditions, "containerStatuses": containers}
    return {**document, "metadata": {**document["metadata"], "resourceVersion": str(version)}, "status": changed}


def encoded(document: JSON) -> bytes:
    """As an API server writes it: compact."""
    return msgspec.json.encode(document)


def _metadata(number: int, dice: random.Random) -> JSON:
    app, team = APPS[number % len(APPS)], TEAMS[number % len(TEAMS)]
    alike = random.Random(f"{app}-{team}")  # noqa: S311  # what the pods of one Deployment share
    template = "".join(alike.choices(SUFFIX, k=10))
    owner = f"{app}-{team}-{template}"
    return {
        "name": f"{owner}-{_suffix(dice)}{number}",
        "generateName": f"{owner}-",
        "namespace": NAMESPACES[number % len(NAMESPACES)],
        "uid": _uid(dice),
        "resourceVersion": str(1_000_000 + number),
        "labels": {
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/instance": f"{app}-{team}",
            "app.kubernetes.io/version": f"{alike.randrange(9)}.{alike.randrange(30)}.{alike.randrange(9)}",
            "team": team,
            "pod-template-hash": template,
        },
        "annotations": {
            "checksum/config": alike.randbytes(32).hex(),
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "9090",
            "cni.example.com/containerID": dice.randbytes(32).hex(),
        },
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": owner,
                "uid": _uid(alike),
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def _spec(app: str, images: dict[str, str], token: str, node: str) -> JSON:
    return {
        "volumes": [
            {"name": "config", "configMap": {"name": f"{app}-config", "defaultMode": 420}},
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": token, "projected": {"sources": _token_sources(), "defaultMode": 420}},
        ],
        "containers": [_container(app, images["app"], token), _sidecar(images["proxy"], token)],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": app,
        "serviceAccount": app,
        "nodeName": node,
        "securityContext": {"runAsNonRoot": True, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{taint}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for taint in ("not-ready", "unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def _container(app: str, image: str, token: str) -> JSON:
    return {
        "name": "app",
        "image": image,
        "args": ["--config=/etc/app/config.yaml", f"--service={app}", "--log-format=json"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": "LOG_LEVEL", "value": "info"},
        ],
        "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [
            {"name": "config", "readOnly": True, "mountPath": "/etc/app"},
            {"name": token, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def _sidecar(image: str, token: str) -> JSON:
    return {
        "name": "proxy",
        "image": image,
        "ports": [{"name": "mesh", "containerPort": 15001, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "10m", "memory": "40Mi"}},
        "volumeMounts": [
            {"name": token, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _token_sources() -> list[JSON]:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]


def _status(dice: random.Random, images: dict[str, str], ip: str, started: datetime) -> JSON:
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "conditions": [
            {
                "type": condition,
                "status": "True",
                "lastProbeTime": None,
                "lastTransitionTime": _time(started + timedelta(seconds=dice.randrange(40))),
            }
            for condition in conditions
        ],
        "hostIP": _address(dice),
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": _time(started),
        "containerStatuses": [
            {
                "name": name,
                "state": {"running": {"startedAt": _time(started + timedelta(seconds=dice.randrange(40)))}},
                "lastState": {},
                "ready": True,
                "restartCount": 0,
                "image": image,
                "imageID": image,
                "containerID": f"containerd://{dice.randbytes(32).hex()}",
                "started": True,
            }
            for name, image in images.items()
        ],
        "qosClass": "Burstable",
    }


def _managed_fields(dice: random.Random, started: datetime, ip: str, owner: str) -> list[JSON]:
    """What the API server notes of who set which field: the controller manager all of the spec, the kubelet the status."""
    made = {
        "f:metadata": {
            "f:generateName": LEAF,
            "f:labels": {".": LEAF, "f:app.kubernetes.io/name": LEAF, "f:team": LEAF, "f:pod-template-hash": LEAF},
            "f:ownerReferences": {".": LEAF, f'k:{{"uid":"{owner}"}}': LEAF},
        },
        "f:spec": {
            "f:containers": {'k:{"name":"app"}': APP_FIELDS, 'k:{"name":"proxy"}': SIDECAR_FIELDS},
            "f:volumes": LEAF,
        },
    }
    conditions = {
        f'k:{{"type":"{kind}"}}': {".": LEAF, "f:lastTransitionTime": LEAF, "f:status": LEAF, "f:type": LEAF}
        for kind in ("ContainersReady", "Initialized", "Ready")
    }
    reported = {
        "f:status": {
            "f:conditions": conditions,
            "f:containerStatuses": LEAF,
            "f:phase": LEAF,
            "f:podIPs": {f'k:{{"ip":"{ip}"}}': {"f:ip": LEAF}},
        }
    }
    return [
        _manager("kube-controller-manager", started, made),
        {**_manager("kubelet", started + timedelta(seconds=dice.randrange(40)), reported), "subresource": "status"},
    ]


def _manager(name: str, at: datetime, fields: JSON) -> JSON:
    return {
        "manager": name,
        "operation": "Update",
        "apiVersion": "v1",
        "time": _time(at),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }


def _suffix(dice: random.Random) -> str:
    return "".join(dice.choices(SUFFIX, k=5))


def _uid(dice: random.Random) -> str:
    digits = dice.randbytes(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _address(dice: random.Random) -> str:
    return f"10.{dice.randrange(64, 128)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
