# SPDX-License-Identifier: BSD-3-Clause
"""Keys that sign: one interface, one module for each place where the secret lies.

- `key`: what every key can do, `SigningKey`
- `opening`: a key by its name
- `life`: a key is added, extended, followed by another, revoked
- `folder`: a private folder of files, made here; what `pansoft trust keygen` makes
- `agent`: a key whose secret a gpg agent has
- `token`: a key in a PKCS#11 token
- `description`: `key.yaml`, which says where a key of these two is
- `local`: the key of a laptop or a CI job, and the list in which it counts
- `secret_files`: passphrases and PINs, read from files that nobody else can read
- `proposal`: the lines that propose a key for the policy
"""

from trust.keys.folder import (
    DEFAULT_VALID_DAYS,
    FolderKey,
    KeyInfo,
    keygen,
    open_key,
    private_folder,
)
from trust.keys.key import SigningKey
from trust.keys.local import LOCAL_NAME, list_published, local_key, local_policy
from trust.keys.opening import open_named
from trust.keys.proposal import signer_entry
from trust.keys.secret_files import read_passphrase

__all__ = [
    "DEFAULT_VALID_DAYS",
    "LOCAL_NAME",
    "FolderKey",
    "KeyInfo",
    "SigningKey",
    "keygen",
    "list_published",
    "local_key",
    "local_policy",
    "open_key",
    "open_named",
    "private_folder",
    "read_passphrase",
    "signer_entry",
]
