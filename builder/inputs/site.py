# SPDX-License-Identifier: BSD-3-Clause
"""The site's own settings: further locations of inputs, what builds may take, where the repository is.

The file is `site.yaml` in the state folder, or what the variable PANSOFT_SITE names. It is about
this machine or facility, so it is no part of a project and never committed with recipes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from builder.inputs.locations import Location, LocationKind, checked
from builder.recipes.recipe import NO_LIMIT, UNLIMITED, Limits
from core import schema as schemas
from core import strict_yaml
from core.errors import InvalidInput, UserError
from core.problems import Position, Problem
from core.schema import Schema, validate
from core.strict_yaml import Document, Value

FILE = "site.yaml"
VARIABLE = "PANSOFT_SITE"


class BackendKind(StrEnum):
    """Who writes the repository."""

    NATIVE = "native"
    CVMFS_SERVER = "cvmfs_server"
    GATEWAY = "gateway"


_WEB = {
    "type": "string",
    "regex": r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[!-~]*)?",
}


def _at_most(description: str, example: int) -> dict[str, Any]:
    return {
        "type": "integer",
        "min": 1,
        "max": NO_LIMIT,
        "meta": {"description": description, "example": example},
    }


SITE: Schema = {
    "schema": {
        "type": "integer",
        "required": True,
        "allowed": [1],
        "meta": {
            "description": "The version of this format; 1 is the only one.",
            "hint": "write 'schema: 1'",
        },
    },
    "inputs": {
        "type": "list",
        "meta": {
            "description": "Where else inputs are asked for, in this order, when the host's archives "
            "do not have one; folders of this machine are asked first. Each item is one of the fields."
        },
        "schema": {
            "type": "dict",
            "schema": {
                "folder": {
                    "type": "string",
                    "regex": "/.*",
                    "meta": {
                        "description": "A folder: files by name, an exported input archive, or a "
                        "Debian mirror.",
                        "pattern": "an absolute path",
                        "example": "/srv/pansoft/inputs",
                    },
                },
                "archive": {
                    **_WEB,
                    "meta": {
                        "description": "An input archive on a web server, as `pansoft fetch --export` "
                        "writes it.",
                        "pattern": "a web address",
                        "example": "https://inputs.example.org/pansoft",
                    },
                },
                "debian": {
                    **_WEB,
                    "meta": {
                        "description": "The root of a Debian mirror, for instance of one day in a "
                        "snapshot archive.",
                        "pattern": "a web address",
                        "example": "https://snapshot.example.org/archive/debian/20260601T000000Z",
                    },
                },
                "python": {
                    **_WEB,
                    "meta": {
                        "description": "The root of a Python index (PEP 503).",
                        "pattern": "a web address",
                        "example": "https://mirror.example.org/simple",
                    },
                },
                "npm": {
                    **_WEB,
                    "meta": {
                        "description": "The root of an npm registry.",
                        "pattern": "a web address",
                        "example": "https://mirror.example.org/npm",
                    },
                },
            },
        },
    },
    "limits": {
        "type": "dict",
        "meta": {
            "description": "What no build of this site gets more of, whatever its recipe asks for in "
            "`build.limits`."
        },
        "schema": {
            "time": _at_most("Minutes.", 120),
            "memory": _at_most("MiB of memory.", 16384),
            "disk": _at_most("MiB of disk.", 40960),
        },
    },
    "repository": {
        "type": "dict",
        "meta": {
            "description": "Where the CVMFS repository is that this project publishes to. Without it, "
            "that is the folder `repository` of the state."
        },
        "schema": {
            "backend": {
                "type": "string",
                "allowed": [kind.value for kind in BackendKind],
                "meta": {
                    "description": "Who writes the repository: `native`, which is the default, is "
                    "pansoft itself; `cvmfs_server` is the program of that name on this machine; "
                    "`gateway` is a repository gateway. For the last two `name`, `stratum0` and "
                    "`public_key` say which repository it is.",
                },
            },
            "name": {
                "type": "string",
                "regex": r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+",
                "meta": {
                    "description": "The name of the facility's repository.",
                    "pattern": "words with dots between them",
                    "example": "software.example.org",
                },
            },
            "stratum0": {
                "type": "string",
                "regex": r"/[^\x00]*|" + str(_WEB["regex"]),
                "meta": {
                    "description": "Where the Stratum 0 of that repository is read, past every cache: a "
                    "web address, or its folder on this machine.",
                    "pattern": "a web address or an absolute path",
                    "example": "http://stratum0.example.org/cvmfs/software.example.org",
                },
            },
            "public_key": {
                "type": "string",
                "regex": r"/[^\x00]*",
                "meta": {
                    "description": "The file with that repository's public key: what is published is "
                    "verified from it upward.",
                    "pattern": "an absolute path",
                    "example": "/etc/cvmfs/keys/software.example.org.pub",
                },
            },
            "gateway": {
                **_WEB,
                "meta": {
                    "description": "The address of the gateway.",
                    "pattern": "a web address",
                    "example": "http://gateway.example.org:4929/api/v1",
                },
            },
            "gateway_key": {
                "type": "string",
                "regex": r"/[^\x00]*",
                "meta": {
                    "description": "The file with the gateway's key, `plain_text NAME SECRET`, which "
                    "nobody else may read; by default `/etc/cvmfs/keys/<name>.gw`. The environment "
                    "variable `PANSOFT_GATEWAY_KEY` may hold the line in its place.",
                    "pattern": "an absolute path",
                    "example": "/etc/cvmfs/keys/software.example.org.gw",
                },
            },
            "mounts": {
                "type": "string",
                "regex": r"/[^\x00]*",
                "meta": {
                    "description": "Where `cvmfs_server` mounts repositories, by default `/cvmfs`.",
                    "pattern": "an absolute path",
                    "example": "/cvmfs",
                },
            },
            "storage": {
                "type": "string",
                "regex": r"/[^\x00]*|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]+)?",
                "meta": {
                    "description": "A folder, or a bucket and what names in it begin with. Credentials "
                    "for a bucket are those that other programs of this machine use: environment, "
                    "`~/.aws`, or the machine's role; they are never written here.",
                    "pattern": "an absolute path or s3://bucket/prefix",
                    "example": "s3://software/cvmfs/software.pansoft.local",
                },
            },
            "endpoint": {
                **_WEB,
                "meta": {
                    "description": "The address of the S3 server, where it is not that of the "
                    "machine's own configuration.",
                    "pattern": "a web address",
                    "example": "https://s3.example.org",
                },
            },
            "region": {
                "type": "string",
                "regex": "[a-z0-9-]+",
                "meta": {
                    "description": "The region of the bucket.",
                    "pattern": "lower-case letters, digits and hyphens",
                    "example": "eu-central-1",
                },
            },
            "public": {
                **_WEB,
                "meta": {
                    "description": "Where readers get the repository by HTTP: the address of the bucket "
                    "or of the web server before it. `pansoft repo mount` uses it.",
                    "pattern": "a web address",
                    "example": "https://software.example.org/cvmfs/software.pansoft.local",
                },
            },
            "wait": {
                "type": "integer",
                "min": 0,
                "max": 1440,
                "meta": {
                    "description": "Minutes to wait for another publisher to end; 0, which is the "
                    "default, gives up at once.",
                    "example": 30,
                },
            },
        },
    },
}


_PAGE = """\
# The site's file

Where inputs come from is the configuration of this machine's `apt` and `pip`. A mirror keeps the newest
version of a package only; what locks name stays longer in other places, and `site.yaml` names them. It lies
in the state folder, or where the variable `PANSOFT_SITE` says. It is no part of a project: it is never
committed with recipes.

```yaml
schema: 1
inputs:
  - folder: /srv/pansoft/inputs
  - archive: https://inputs.example.org/pansoft
  - debian: https://snapshot.example.org/archive/debian/20260601T000000Z
```

`pansoft fetch`, `build`, `apply` and `lock` ask these places for an input that the host's archives do not
have, or serve with other bytes. A place is never trusted, only asked: every byte is hashed, wherever it
comes from. This page is made from the schema that checks the file; `pansoft docs` writes it again.

## Fields

{fields}"""


def manual() -> str:
    """Return `docs/site.md`."""
    return _PAGE.replace("{fields}", schemas.manual(SITE))


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """Where the site's repository is.

    Without a `storage` it is in the state folder. `wait_s` is in seconds.
    """

    storage: str | None = None
    endpoint: str | None = None
    region: str | None = None
    public: str | None = None
    wait_s: float = 0.0
    backend: BackendKind = BackendKind.NATIVE
    name: str | None = None
    stratum0: str | None = None
    public_key: str | None = None
    gateway: str | None = None
    gateway_key: str | None = None
    mounts: str = "/cvmfs"


@dataclass(frozen=True, slots=True)
class Site:
    """What a site adds to the host's own configuration."""

    locations: tuple[Location, ...] = ()
    ceiling: Limits = UNLIMITED
    repository: RepositorySettings = RepositorySettings()


def site_of(state: Path) -> Site:
    """Return the settings for a state folder, empty ones where there is no file.

    Raises:
        InvalidInput: the file is wrong, with every problem.
        UserError: PANSOFT_SITE names a file that is not there.
    """
    named = os.environ.get(VARIABLE)
    file = Path(named) if named else state / FILE
    if not file.is_file():
        if named:
            raise UserError(
                f"{VARIABLE} names {named}, which is not a file", hint=f"unset {VARIABLE}"
            )
        return Site()
    document = strict_yaml.load(file)
    problems = list(validate(document, SITE))
    if not problems:
        problems = [problem for item in _items(document) for problem in item.problems]
        problems += _repository_problems(document)
    if problems:
        raise InvalidInput(problems)
    return Site(
        tuple(item.location for item in _items(document) if item.location is not None),
        _ceiling(document.value.get("limits")),
        _repository(document.value.get("repository")),
    )


def _ceiling(given: Value) -> Limits:
    """Return what the file allows; a part that it does not name is not limited."""
    named = given if isinstance(given, dict) else {}
    return replace(UNLIMITED, **{name: int(str(value)) for name, value in named.items()})


def _repository(given: Value) -> RepositorySettings:
    named = given if isinstance(given, dict) else {}
    texts = {name: str(value) for name, value in named.items()}
    return RepositorySettings(
        storage=texts.get("storage"),
        endpoint=texts.get("endpoint"),
        region=texts.get("region"),
        public=texts.get("public"),
        wait_s=60.0 * int(texts.get("wait", "0")),
        backend=BackendKind(texts.get("backend", BackendKind.NATIVE)),
        name=texts.get("name"),
        stratum0=texts.get("stratum0"),
        public_key=texts.get("public_key"),
        gateway=texts.get("gateway"),
        gateway_key=texts.get("gateway_key"),
        mounts=texts.get("mounts", "/cvmfs"),
    )


_OF_OTHERS = ("name", "stratum0", "public_key")
_OF_NATIVE = ("storage", "endpoint", "region")
_NEEDED = {
    BackendKind.NATIVE: (),
    BackendKind.CVMFS_SERVER: _OF_OTHERS,
    BackendKind.GATEWAY: (*_OF_OTHERS, "gateway"),
}
_FOREIGN = {
    BackendKind.NATIVE: (*_OF_OTHERS, "gateway", "gateway_key", "mounts"),
    BackendKind.CVMFS_SERVER: (*_OF_NATIVE, "gateway", "gateway_key"),
    BackendKind.GATEWAY: (*_OF_NATIVE, "mounts"),
}


def _repository_problems(document: Document) -> list[Problem]:
    """Return what a backend lacks, and what belongs to another one."""
    given = document.value.get("repository")
    if not isinstance(given, dict):
        return []
    kind = BackendKind(str(given.get("backend", BackendKind.NATIVE)))
    lacking = [
        Problem(
            document.where(("repository",)),
            "site-repository",
            f"the backend {kind} needs the field {name!r}",
            hint=str(SITE["repository"]["schema"][name]["meta"]["description"]),
        )
        for name in _NEEDED[kind]
        if name not in given
    ]
    foreign = [
        Problem(
            document.where(("repository", name)),
            "site-repository",
            f"the backend {kind} has no use for the field {name!r}",
            hint="choose another backend, or leave the field out",
        )
        for name in _FOREIGN[kind]
        if name in given
    ]
    return lacking + foreign


@dataclass(frozen=True, slots=True)
class _Item:
    location: Location | None
    problems: tuple[Problem, ...] = ()


def _items(document: Document) -> list[_Item]:
    listed = document.value.get("inputs")
    found = []
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        where = document.where(("inputs", index))
        if not isinstance(item, dict) or len(item) != 1:
            kinds = ", ".join(f"'{kind}'" for kind in LocationKind)
            found.append(_wrong(where, f"a location is one of {kinds}", "one field for each item"))
            continue
        [(kind, root)] = item.items()
        try:
            found.append(_Item(checked(Location(LocationKind(kind), str(root)))))
        except UserError as err:
            found.append(_wrong(where, err.message, err.hint))
    return found


def _wrong(where: Position, message: str, hint: str | None) -> _Item:
    return _Item(None, (Problem(where, "site-location", message, hint=hint),))
