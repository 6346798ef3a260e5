# SPDX-License-Identifier: BSD-3-Clause
"""Where an issuer may be, and where its keys may lie."""

from __future__ import annotations

import pytest

from trust.identity import addresses


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("https://gitlab.example.org", None),
        ("https://aai.example.org/realms/umbrella", None),
        ("http://127.0.0.1:8080", None),
        ("http://[::1]:8080", None),
        ("http://gitlab.example.org", "https://"),
        ("http://127.0.0.1.evil.example", "https://"),
        ("https://user:word@gitlab.example.org", "without a login"),
        ("https://gitlab.example.org?x=1", "without a login"),
        ("https:///nowhere", "without a login"),
        ("gitlab.example.org", "without a login"),
    ],
)
def test_the_address_of_an_issuer_is_https(url: str, wrong: str | None) -> None:
    found = addresses.wrong_issuer(url)

    assert (found is None) == (wrong is None)
    assert wrong is None or wrong in str(found)


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://gitlab.example.org/keys", True),
        ("https://keys.example.net/a?b=c", True),
        ("http://127.0.0.1:80/keys", False),
        ("http://gitlab.example.org/keys", False),
        ("https://[", False),
        ("https://user@gitlab.example.org/keys", False),
    ],
)
def test_the_keys_of_an_issuer_lie_behind_https(address: str, good: bool) -> None:
    found = addresses.wrong_keys(address, issuer="https://gitlab.example.org")

    assert (found is None) is good
