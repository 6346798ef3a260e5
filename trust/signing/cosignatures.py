# SPDX-License-Identifier: BSD-3-Clause
"""More signatures of one statement: a second facility says that it stands behind it as well.

    NAME.sif.statement.json.FINGERPRINT.asc

A detached PGP signature of the same bytes that the first signer signed. It counts where the policy
lists the key; how many are needed is the policy's matter (`safety.signing`). One that is spoilt, of an
unknown key or of one that has expired speaks for nobody and hurts nobody: whoever may write beside
the statement could as well have taken it away.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import UserError
from core.files import write_atomic
from trust.keys.key import SigningKey
from trust.programs import gnupg
from trust.programs.gnupg import GoodSignature
from trust.signing.statements import statement_file

log = logging.getLogger(__name__)

_NAME = re.compile(r"\.([0-9A-F]{40})\.asc\Z")
_MAX_BYTES = 1 << 20
_MAX_FILES = 50


def cosignature_file(image: Path, fingerprint: str) -> Path:
    """Return where a key's further signature of the statement about an image stands."""
    statement = statement_file(image)
    return statement.with_name(f"{statement.name}.{fingerprint}.asc")


def cosign(image: Path, *, key: SigningKey, folder: Path | None = None) -> Path:
    """Sign the statement beside an image once more, and return the new file.

    The caller has verified the image: this is somebody's word for it.

    Args:
        image: the image.
        key: signs.
        folder: where to write; beside the statement where it is left out.
    """
    statement = statement_file(image)
    file = cosignature_file(image, key.fingerprint)
    file = file if folder is None else folder / file.name
    write_atomic(file, key.sign_detached(statement.read_bytes(), what=statement.name))
    return file


def cosigners(image: Path, *, public_keys: Sequence[Path]) -> tuple[GoodSignature, ...]:
    """Return the good further signatures of the statement beside an image, each key once.

    Args:
        image: the image.
        public_keys: files with public keys; no others are known.
    """
    content = statement_file(image).read_bytes()
    found = {
        good.fingerprint: good
        for file in files_beside(image)
        for good in _good(file, content, public_keys=public_keys)
    }
    return tuple(found[each] for each in sorted(found))


def files_beside(image: Path) -> list[Path]:
    """Return the files that have the name of such a signature, good or not."""
    beside = statement_file(image).parent.glob(f"{statement_file(image).name}.*.asc")
    return sorted(file for file in beside if _NAME.search(file.name))[:_MAX_FILES]


def _good(file: Path, content: bytes, *, public_keys: Sequence[Path]) -> Iterator[GoodSignature]:
    """Yield the signature in a file if it is good and the one that its name speaks of."""
    try:
        with file.open("rb") as stream:
            signature = stream.read(_MAX_BYTES)
        good = gnupg.verify_detached(content, signature, public_keys=public_keys, what=file.name)
    except (OSError, UserError) as err:
        log.warning("%s does not count: %s", file.name, err)
        return
    if file.name.endswith(f".{good.fingerprint}.asc"):
        yield good
