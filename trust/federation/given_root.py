# SPDX-License-Identifier: BSD-3-Clause
"""The root that a site was given: looked at before anything is believed from it."""

from __future__ import annotations

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root
from tuf.api.serialization import DeserializationError

from core.errors import Refused

_HINT = "ask whoever runs the federation for it again, on a safe way"


def check(content: bytes, *, what: str) -> None:
    """Refuse what is no root of a federation, or one that too few of its own facilities have signed.

    Whether it is the right federation's, only people can know: who says so hands it over.

    Args:
        content: of the file.
        what: names the file in messages.

    Raises:
        Refused: it is none.
    """
    try:
        root = Metadata[Root].from_bytes(content)
        if not isinstance(root.signed, Root):
            raise Refused(
                f"{what} is the {root.signed.type} of a federation, not its root", hint=_HINT
            )
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except DeserializationError as err:
        raise Refused(f"{what} is not the root of a federation", hint=_HINT) from err
    except RepositoryError as err:
        raise Refused(f"{what} does not hold, by its own rules: {err}", hint=_HINT) from err
