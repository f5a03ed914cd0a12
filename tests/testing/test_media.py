from __future__ import annotations

from aioinformer.testing.media import parse_accept


def test_alternatives_come_in_order_of_preference() -> None:
    ranges = parse_accept("application/json;q=0.5, application/json;as=Table;v=v1;g=meta.k8s.io , */*;q=0.1")
    assert [each.parameters.get("as") for each in ranges] == ["Table", None, None]
    assert [each.media_type for each in ranges] == ["application/json", "application/json", "*/*"]


def test_without_a_header_anything_goes() -> None:
    (anything,) = parse_accept("")
    assert anything.takes_json


def test_a_quality_that_is_no_number_counts_as_none() -> None:
    assert parse_accept("text/plain;q=x")[0].media_type == "text/plain"


def test_protobuf_is_not_json() -> None:
    assert not parse_accept("application/vnd.kubernetes.protobuf")[0].takes_json
