"""docs/coming-from/client-go.md: what it calls by our names is there."""

from __future__ import annotations

import re
from typing import get_type_hints

import pytest

import aioinformer
from aioinformer import Informer, KubeObject, SharedInformerFactory, Subscription
from aioinformer.options import InformerOptions
from tests.docs.pages import DOCS

PAGE = (DOCS / "coming-from" / "client-go.md").read_text()
OURS = re.findall(r"^\|.*?\|(.*)\|$", PAGE, re.MULTILINE)
OWNERS = {
    "factory": SharedInformerFactory,
    "informer": Informer,
    "events": Subscription,
    "obj": KubeObject,
}


@pytest.mark.parametrize("cell", OURS)
def test_the_methods_it_names_exist(cell: str) -> None:
    """All but the lister, which only an instance has."""
    code = " ".join(re.findall(r"`([^`]*)`", cell))
    named = re.findall(r"\b(factory|informer|events|obj)\.(\w+)", code)
    missing = [f"{owner}.{name}" for owner, name in named if not hasattr(OWNERS[owner], name)]
    assert [name for name in missing if name != "informer.lister"] == []


def test_the_options_it_names_exist() -> None:
    """Of a factory, an informer or a subscription."""
    options = {
        *get_type_hints(InformerOptions),
        "max_pending",
        "overflow",
        "final_state_known",
        "label_selector",
        "namespaces",
    }
    named = set(re.findall(r"`(?:[^`]*\()?(\w+)=", " ".join(OURS)))
    assert named - options == set()


def test_the_classes_it_names_are_exported() -> None:
    """Or it names none of ours."""
    named = set(re.findall(r"`([A-Z]\w+)\(", " ".join(OURS)))
    assert named <= set(aioinformer.__all__)
    assert {"SharedInformerFactory", "Added", "Updated", "Deleted", "Resynced"} <= named
