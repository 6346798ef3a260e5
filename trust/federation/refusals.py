# SPDX-License-Identifier: BSD-3-Clause
"""What the client of The Update Framework refuses, in words for an administrator.

The library says which check failed; which attack that may be, and what to do, is said here. Whatever it
may raise is a refusal or a source that does not answer: nothing else comes out of `in_words`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from tuf.api import exceptions

from core.errors import Refused, UserError

_OTHER_MIRROR = "ask another mirror; if all say the same, ask the facility that publishes it"


@contextlib.contextmanager
def in_words(source: str) -> Iterator[None]:
    """Turn what the library raises into our words, for the time of the block.

    Args:
        source: where the metadata is read, named in the messages.

    Raises:
        Refused: what is there is not what the facilities signed, or no longer.
        UserError: the source does not answer.
    """
    try:
        yield
    except exceptions.DownloadError as err:
        raise _of_download(err, source) from err
    except exceptions.RepositoryError as err:
        raise _of_check(err, source) from err
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as err:
        # well-formed JSON of a wrong shape, deep in the library
        raise Refused(
            f"{source} holds no sound federation metadata: {err}", hint=_OTHER_MIRROR
        ) from err


def _of_download(err: exceptions.DownloadError, source: str) -> UserError:
    match err:
        case exceptions.DownloadLengthMismatchError():
            return Refused(
                f"{source} sends more bytes than federation metadata has (endless data): {err}",
                hint=_OTHER_MIRROR,
            )
        case exceptions.SlowRetrievalError():
            return UserError(
                f"{source} is too slow: {err}", hint="try again, or ask another mirror"
            )
        case _:
            return UserError(
                f"the federation's metadata cannot be read from {source}: {err}",
                hint="is the address right, and does it answer? What is installed stays as it is",
            )


def _of_check(err: exceptions.RepositoryError, source: str) -> Refused:
    text = str(err).rstrip(".")
    match err:
        case exceptions.ExpiredMetadataError():
            return _expired(_role(text), source)
        case exceptions.BadVersionNumberError():
            return Refused(
                f"{source} shows an older state of the federation than this site has seen"
                f" (rollback), or a mixture of two: {text}",
                hint=_OTHER_MIRROR,
            )
        case exceptions.UnsignedMetadataError():
            return Refused(
                f"{source} shows metadata without enough good signatures (threshold): {text}",
                hint="it is not what the facilities have signed; " + _OTHER_MIRROR,
            )
        case exceptions.LengthOrHashMismatchError():
            return Refused(
                f"{source} mixes files that do not belong together (mix-and-match): {text}",
                hint=_OTHER_MIRROR,
            )
        case _:
            return Refused(
                f"{source} holds no sound federation metadata: {text}", hint=_OTHER_MIRROR
            )


def _expired(role: str, source: str) -> Refused:
    if role == "timestamp":
        return Refused(
            f"the federation's timestamp at {source} has expired: nobody has refreshed it,"
            " or newer states are kept from this site (freeze)",
            hint="ask another mirror; the coordinator refreshes it with: pansoft apply",
        )
    if role == "root":
        return Refused(
            f"the federation's root at {source} has expired: the facilities have not renewed it,"
            " or the newer one is kept from this site (freeze)",
            hint="ask another mirror; the facilities renew it with: pansoft trust rotate --renew",
        )
    return Refused(
        f"the federation's {role} at {source} has expired: what it lists counts no more",
        hint="who answers for it has to sign it again: pansoft trust status shows who that is",
    )


def _role(text: str) -> str:
    """Return the role that the library's message of an expiry names."""
    found = re.search(r"(\S+?)(?:\.json)? is expired", text)
    return found.group(1) if found else "metadata"
