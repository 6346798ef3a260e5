# SPDX-License-Identifier: BSD-3-Clause
"""What a published bill of materials lists is read back; what is none is refused."""

from __future__ import annotations

import pytest

from builder.evidence import cyclonedx_form
from builder.evidence.components import Component, Ecosystem
from builder.evidence.published_bill import components_of
from builder.evidence.sbom import Bill
from core.errors import UserError
from trust import evidence

PURL = "pkg:deb/debian/libssl3@3.0.15-1?arch=amd64"


def test_what_was_written_is_read_back() -> None:
    made = Component(Ecosystem.DEBIAN, "libssl3", "3.0.15-1", PURL, source="openssl 3.0.15-1")
    bill = Bill("x", "1.0", "MIT", "debian-12", "a" * 64, "0" * 32, 0, (made,))

    found = components_of(cyclonedx_form.text(bill).encode(), shown_as="sbom.cdx.json")

    assert found == (evidence.Component(PURL, "libssl3", "3.0.15-1", source="openssl 3.0.15-1"),)


@pytest.mark.parametrize(
    "bill",
    [
        b"",
        b"[]",
        b"{}",
        b'{"components": [{"name": "x", "version": "1"}]}',
        b'{"components": [{"name": "x", "version": 1, "purl": "pkg:pypi/x@1"}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_bill_is_refused(bill: bytes) -> None:
    with pytest.raises(UserError, match=r"sbom\.cdx\.json is no bill of materials"):
        components_of(bill, shown_as="sbom.cdx.json")
