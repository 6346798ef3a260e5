# SPDX-License-Identifier: BSD-3-Clause
"""`trust-policy/federation.yaml`: what this project publishes in the federation, and for how long it counts.

Reviewed like the policy. Without the file a project takes no part in a federation, and nothing here is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from core.errors import InvalidInput
from core.problems import errors
from core.schema import Schema, validate
from core.strict_yaml import load
from trust.federation import names

FILE = "federation.yaml"

_NAMESPACE = r"[a-z][a-z0-9-]{0,39}"


def _days(description: str, longest: int) -> dict[str, Any]:
    return {"type": "integer", "min": 1, "max": longest, "meta": {"description": description}}


SETTINGS: Final[Schema] = {
    "schema": {
        "type": "integer",
        "required": True,
        "allowed": [1],
        "meta": {"description": "The version of this file's form."},
    },
    "namespace": {
        "type": "string",
        "regex": _NAMESPACE,
        "required": True,
        "meta": {
            "description": "The namespace that this project's packages are in, unless `packages` says other.",
            "pattern": "a word like core or esrf",
        },
    },
    "packages": {
        "type": "list",
        "meta": {
            "description": "Packages in other namespaces; the first pattern that fits decides."
        },
        "schema": {
            "type": "dict",
            "schema": {
                "name": {
                    "type": "string",
                    "regex": r"[a-z0-9*?.\[\]+-]+",
                    "required": True,
                    "meta": {
                        "description": "The package's name, or a pattern of it.",
                        "pattern": "a package name or a pattern of one",
                    },
                },
                "namespace": {
                    "type": "string",
                    "regex": _NAMESPACE,
                    "required": True,
                    "meta": {
                        "description": "Its namespace.",
                        "pattern": "a word like core or esrf",
                    },
                },
            },
        },
    },
    "coordinator": {
        "type": "boolean",
        "meta": {
            "description": "Whether this project signs timestamp and snapshot and gathers what partners "
            "publish; one project of a federation does."
        },
    },
    "partners": {
        "type": "list",
        "meta": {"description": "Where the coordinator gathers the lists of partners."},
        "schema": {
            "type": "dict",
            "schema": {
                "namespace": {
                    "type": "string",
                    "regex": _NAMESPACE,
                    "required": True,
                    "meta": {
                        "description": "The partner's namespace.",
                        "pattern": "a word like esrf",
                    },
                },
                "source": {
                    "type": "string",
                    "required": True,
                    "empty": False,
                    "meta": {
                        "description": "The address, or the folder on a mount, of the partner's "
                        "`trust/federation`.",
                        "example": "/cvmfs/software.esrf.example.org/trust/federation",
                    },
                },
            },
        },
    },
    "least_version": {
        "type": "integer",
        "min": 1,
        "max": 1_000_000,
        "meta": {
            "description": "The list of this project has at least this version: for a repository that was "
            "made anew, while sites have seen the versions of the old one."
        },
    },
    "timestamp_days": _days(
        "How long a timestamp counts: the longest that news can be kept back.", 30
    ),
    "snapshot_days": _days("How long a snapshot counts.", 90),
    "list_days": _days("How long a list counts that one key signs by itself.", 365),
}


@dataclass(frozen=True, slots=True)
class Partner:
    """Where the list of a partner's namespace is published."""

    namespace: str
    source: str

    @property
    def place(self) -> str | Path:
        """Return the address, or the folder."""
        return self.source if "://" in self.source else Path(self.source)


@dataclass(frozen=True, slots=True)
class Settings:
    """What this project does in the federation."""

    namespace: str = names.CORE
    packages: tuple[tuple[str, str], ...] = ()
    is_coordinator: bool = False
    partners: tuple[Partner, ...] = ()
    least_version: int = 1
    timestamp: timedelta = timedelta(days=3)
    snapshot: timedelta = timedelta(days=14)
    list: timedelta = timedelta(days=90)

    def namespace_of(self, package: str) -> str:
        """Return the namespace that a package of this project is in."""
        for pattern, namespace in self.packages:
            if fnmatchcase(package, pattern):
                return namespace
        return self.namespace

    @property
    def own_namespaces(self) -> tuple[str, ...]:
        """Return the namespaces that packages of this project may be in."""
        return tuple(dict.fromkeys((self.namespace, *(each for _, each in self.packages))))


def load_settings(policy_folder: Path) -> Settings | None:
    """Return the settings, or None where the project takes no part in a federation.

    Raises:
        InvalidInput: with every problem of the file.
    """
    file = policy_folder / FILE
    if not file.is_file():
        return None
    document = load(file)
    if problems := errors(validate(document, SETTINGS)):
        raise InvalidInput(problems)
    data: Any = document.value  # Any: validated above
    default = Settings()
    return Settings(
        namespace=data["namespace"],
        packages=tuple((each["name"], each["namespace"]) for each in data.get("packages", ())),
        is_coordinator=data.get("coordinator", False),
        partners=tuple(Partner(**each) for each in data.get("partners", ())),
        least_version=data.get("least_version", default.least_version),
        timestamp=_length(data, "timestamp_days", default.timestamp),
        snapshot=_length(data, "snapshot_days", default.snapshot),
        list=_length(data, "list_days", default.list),
    )


def _length(data: dict[str, Any], field: str, default: timedelta) -> timedelta:
    return timedelta(days=data[field]) if field in data else default
