# SPDX-License-Identifier: BSD-3-Clause
"""Two families of errors: what a person can mend (`UserError`), and everything else, our bug.

A `UserError` ends the program with its message, its hint and its exit code and no traceback.
Any other exception is left to rise. The exit codes are part of the command line's contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from core.problems import Problem

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_USER = 2
EXIT_REFUSED = 3


class UserError(Exception):
    """Something a person can mend; says what is wrong and, in the hint, what to do.

    Raise a child where callers tell situations apart, this class where they do not.
    """

    exit_code: ClassVar[int] = EXIT_USER

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def rule(self) -> str | None:
        """Return the rule or the common fault by which errors like this are counted, if there is one."""
        return None


class InvalidInput(UserError):
    """One or more files are wrong; carries every problem found, not just the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} found")
        self.problems = tuple(problems)

    @property
    def rule(self) -> str | None:
        """Return the rule of the first problem."""
        return self.problems[0].rule if self.problems else None


class Refused(UserError):
    """The trust policy, or a check that guards it, says no."""

    exit_code = EXIT_REFUSED


class CommandFailed(UserError):
    """Another program failed, was not found or took too long."""

    def __init__(
        self,
        message: str,
        *,
        argv: Sequence[str],
        returncode: int | None,
        stderr: str = "",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stderr = stderr


class Busy(UserError):
    """Somebody else holds the lock that this work needs."""
