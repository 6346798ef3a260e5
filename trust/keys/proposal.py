# SPDX-License-Identifier: BSD-3-Clause
"""The lines that propose a key for `signers` in a policy; people paste them into a merge request."""

from __future__ import annotations

import json


def signer_entry(name: str, fingerprint: str, key_file: str) -> str:
    """Return the entry of a signer.

    Args:
        name: who holds the key, as people know them.
        fingerprint: of the primary key.
        key_file: the name of the public key in the policy's folder `keys/`.
    """
    return "\n".join(
        [
            f"  - name: {json.dumps(name, ensure_ascii=False)}",
            f'    fingerprint: "{fingerprint}"',
            f"    key: keys/{key_file}",
            '    packages: ["*"]',
        ]
    )
