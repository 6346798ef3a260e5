# SPDX-License-Identifier: BSD-3-Clause
"""The lines that propose a key for `signers` in a policy; people paste them into a merge request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType


def signer_entry(
    name: str, fingerprint: str, key_file: str, *, more: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return the entry of a signer.

    Args:
        name: who holds the key, as people know them.
        fingerprint: of the primary key.
        key_file: the name of the public key in the policy's folder `keys/`.
        more: further fields, each with its text.
    """
    return "\n".join(
        [
            f"  - name: {quoted(name)}",
            f'    fingerprint: "{fingerprint}"',
            f"    key: keys/{key_file}",
            '    packages: ["*"]',
            *(f"    {field}: {text}" for field, text in more.items()),
        ]
    )


def quoted(text: str) -> str:
    """Return a text as YAML and JSON both quote it."""
    return json.dumps(text, ensure_ascii=False)
