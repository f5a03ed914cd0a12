from __future__ import annotations

from aioinformer.testing import Cluster
from aioinformer.testing.openapi import OpenAPI


def test_openapi_tells_that_writes_take_field_validation() -> None:
    openapi = OpenAPI(Cluster().catalog)
    index = openapi.document("/openapi/v3")
    assert index is not None
    assert index["paths"]["apis/apps/v1"] == {"serverRelativeURL": "/openapi/v3/apis/apps/v1"}
    schema = openapi.document("/openapi/v3/apis/apps/v1")
    assert schema is not None
    operation = schema["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert operation["x-kubernetes-group-version-kind"]["kind"] == "Deployment"
    assert "fieldValidation" in [parameter["name"] for parameter in operation["parameters"]]
    assert openapi.document("/openapi/v3/apis/none/v1") is None
