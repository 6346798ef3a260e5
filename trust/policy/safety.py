# SPDX-License-Identifier: BSD-3-Clause
"""The section `safety`: what may be executed."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from core.strict_yaml import Document
from trust.policy.fields import PATTERN, listing, mapping, matching, text

_KNOWN: Final = listing(
    "What a rule that looks into images would say no to and somebody has looked at, like "
    "the test keys that a library ships for everybody.",
    {
        "type": "dict",
        "schema": {
            "rule": text(
                "The rule that is answered.",
                required=True,
                allowed=[
                    "no-secrets",
                    "no-capabilities",
                    "no-world-writable",
                    "no-foreign-programs",
                    "no-build-paths",
                    "no-dangling-links",
                ],
            ),
            "package": text(
                "The package's name, or a pattern of it.",
                required=True,
                regex=PATTERN,
                pattern="a package name or a pattern of one",
            ),
            "path": text(
                "The path in the image, or a pattern of it; `*` goes over `/` as well.",
                required=True,
                regex=r"/.*",
                pattern="a path that begins with /",
                example="/opt/venv/lib/python3.11/site-packages/tornado/test/test.key",
            ),
            "reason": text("Why it is all right.", required=True, maxlength=500),
        },
    },
)

SCHEMA: Final[dict[str, Any]] = mapping(
    "Safety of code execution.",
    {
        "bases": listing(
            "The bases that images may stand on, as names or patterns.",
            matching(PATTERN, "a base name or a pattern"),
            required=True,
            minlength=1,
        ),
        "known": _KNOWN,
    },
)


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody looked at what a rule says no to, in these packages at these paths."""

    rule: str
    package: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Safety:
    """What the rules of safety ask the policy."""

    bases: tuple[str, ...]
    known: tuple[Known, ...] = ()

    def is_known(self, rule: str, package: str, path: str) -> bool:
        """Return whether the policy excuses what a rule saw at a path of a package."""
        return any(
            each.rule == rule
            and fnmatchcase(package, each.package)
            and fnmatchcase(path, each.path)
            for each in self.known
        )


def read(document: Document) -> Safety:
    """Return the section of a valid document."""
    data: Any = document.value["safety"]  # Any: validated against SCHEMA
    return Safety(
        bases=tuple(data["bases"]), known=tuple(Known(**each) for each in data.get("known", ()))
    )
