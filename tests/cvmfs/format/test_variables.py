# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pytest

from cvmfs.format.variables import expand


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("plain/$HOME", "plain/$HOME"),
        ("$(SITE)", "desy"),
        ("/sites/$(SITE)/$(SITE)", "/sites/desy/desy"),
        ("a$(UNSET)b", "ab"),
        ("$(UNSET:-there)", "there"),
        ("$(SITE:-there)", "desy"),
        ("$(EMPTY:-there)", ""),
        ("$(UNSET:-)", ""),
        ("$(UNSET:-a:-b)", "a:-b"),
        ("$()", ""),
        ("$(SITE", "$(SITE"),
        ("$(", "$("),
        ("$", "$"),
    ],
)
def test_variables_are_replaced_as_the_client_does(target: str, expected: str) -> None:
    assert expand(target, {"SITE": "desy", "EMPTY": ""}) == expected
