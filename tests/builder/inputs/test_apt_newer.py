# SPDX-License-Identifier: BSD-3-Clause
"""The source package of a binary package, as a `Packages` list says it."""

from __future__ import annotations

import pytest

from builder.inputs.apt_newer import source_of


@pytest.mark.parametrize(
    ("version", "field", "source"),
    [
        ("1.0-1", None, ("libfoo1", "1.0-1")),
        ("1.0-1+b2", None, ("libfoo1", "1.0-1")),
        ("1.0-1", "foo", ("foo", "1.0-1")),
        ("2:1.02.185-2", "lvm2 (2.03.16-2)", ("lvm2", "2.03.16-2")),
        ("1.0-1", "two words here", ("libfoo1", "1.0-1")),
    ],
)
def test_the_source_is_the_one_that_is_named(
    version: str, field: str | None, source: tuple[str, str]
) -> None:
    assert source_of("libfoo1", version, field) == source
