# SPDX-License-Identifier: BSD-3-Clause
"""The situations in which a repository cannot be read or written, each an error of its own."""

from __future__ import annotations

from core.errors import Refused, UserError


class RepositoryError(UserError):
    """A repository cannot be used as asked; the message names the file or path."""


class NotFound(RepositoryError):
    """The source has no such object or file."""


class Unreachable(RepositoryError):
    """The source did not answer, or not as an HTTP server of a repository does."""


class LeaseLost(RepositoryError):
    """Somebody else may change the repository now: what was prepared is not published."""


class FormatInvalid(RepositoryError):
    """A file is not what the repository format says it is."""


class VerificationFailed(Refused):
    """Something does not carry the signature or hash that it must: it is not used."""


class ObjectCorrupted(VerificationFailed):
    """The bytes of an object do not have the hash that is its name."""


class SignatureInvalid(VerificationFailed):
    """A signature was not made by the key that must have made it, or the text under it was changed."""


class WhitelistExpired(VerificationFailed):
    """The whitelist is past its date: the holder of the master key has to sign a new one."""


class WrongRepository(VerificationFailed):
    """A signed file belongs to a repository of another name."""
