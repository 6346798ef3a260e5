# SPDX-License-Identifier: BSD-3-Clause
"""What looks like a secret is hidden, and what does not stays."""

from __future__ import annotations

import pytest

from core.hiding import hide, secret_values

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\nAAAA\n-----END OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PRIVATE-TOKEN: abc.def", "PRIVATE-TOKEN: ***"),
        ("> X-Auth-Key: 12 34", "> X-Auth-Key: *** 34"),
        ("clone https://bot:word@git.example/x", "clone https://***@git.example/x"),
        ("Authorization: Basic abcd=", "Authorization: Basic ***"),
        ("pushed with glpat-abcdefghij1", "pushed with ***"),
        ("eyJhbGciOiJub25lIn0.e30.sig!", "***!"),
        (f"before\n{KEY}\nafter", "before\n***\nafter"),
        (f"cut off\n{KEY[:50]}", "cut off\n***"),
        ("the token is missing: 3 keys", "the token is missing: 3 keys"),
        ("author: Ada <ada@example.org>", "author: Ada <ada@example.org>"),
    ],
    ids=lambda text: text[:20],
)
def test_the_shapes_of_secrets_are_known(text: str, said: str) -> None:
    assert hide(text) == said


def test_values_are_hidden_wherever_they_stand() -> None:
    environment = {
        "DEPLOY_PASSWORD": "correct horse",
        "SIGNING_KEY_PASSPHRASE": "correct horse battery",
        "SHORT_TOKEN": "main",
        "KEY_FILE_PASSWORD": "/run/secrets/key",
        "AUTHOR": "Ada Lovelace",
        "EMPTY_TOKEN": "",
    }

    found = secret_values(environment)

    assert found == {"correct horse", "correct horse battery"}
    assert hide("said correct horse battery, correct horse on main", values=found) == (
        "said ***, *** on main"
    )
