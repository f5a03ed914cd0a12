"""What pyproject.toml cannot say: decoding in C is optional, and one wheel of it does for every Python from 3.11 on."""

from __future__ import annotations

import sysconfig

from setuptools import Extension, setup

stable_abi = not sysconfig.get_config_var("Py_GIL_DISABLED")  # which has none
"""Whether it can be compiled: where not, as where there is no compiler, everything works without."""

setup(
    ext_modules=[
        Extension(
            "aioinformer._speedups",
            ["aioinformer/_speedups.c"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            optional=True,
        )
    ]
    if stable_abi
    else [],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if stable_abi else {},
)
