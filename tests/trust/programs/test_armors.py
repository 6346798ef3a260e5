# SPDX-License-Identifier: BSD-3-Clause
"""About trust.programs.armors: there and back, and what is no armor."""

from __future__ import annotations

import pytest

from core.errors import UserError
from trust.programs import armors


@pytest.mark.parametrize("binary", [b"\x99", b"\x99" * 48, bytes(range(128, 256)) * 5])
def test_armor_is_undone_by_dearmor(binary: bytes) -> None:
    armored = armors.armor("PUBLIC KEY BLOCK", binary)

    assert armored.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n")
    assert armors.dearmor(armored) == binary
    assert armors.dearmor(binary) == binary


@pytest.mark.parametrize("text", [b"", b"hello", b"-----BEGIN PGP X-----\n\n!!!\n-----END PGP "])
def test_what_is_neither_is_refused(text: bytes) -> None:
    with pytest.raises(UserError, match="not an armored PGP block"):
        armors.dearmor(text)
