# SPDX-License-Identifier: BSD-3-Clause
"""What may be written in a `recipe.yaml` and in a `base.yaml`; the manual is made from this.

Rules that need more than one value, or the recipe's folder, are in `builder.recipes.load`.
"""

from __future__ import annotations

from typing import Any

from builder.recipes.recipe import (
    Channel,
    Delivery,
    Install,
    Limits,
    Need,
    Redistribution,
    TestKind,
)
from core.schema import Schema

NAME = "[a-z0-9][a-z0-9+.-]*"
NAME_IN_WORDS = "lower-case letters, digits, '+', '.' and '-', with a letter or digit first"
COMMAND = "[A-Za-z0-9][A-Za-z0-9_+.-]{0,99}"
COMMAND_IN_WORDS = "a command's name: at most 100 letters, digits, '_', '+', '.' and '-'"
DEBIAN_PACKAGE = "[a-z0-9][a-z0-9+.-]+"
SHA256 = "[0-9a-f]{64}"
HTTPS_URL = r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[!-~]*)?"
WEB_URL = r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[!-~]*)?"
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s.]+"
ORCID = r"https://orcid\.org/[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]"
DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
TECHNIQUE = r"http://purl\.org/pan-science/PaNET/PaNET0[0-9]{4}"
CITATION = r"https://doi\.org/10\.[0-9]{4,9}/[!-~]+"
ENVIRONMENT_NAME = "[A-Za-z_][A-Za-z0-9_]*"


def _text(description: str, *, example: str | None = None, **rules: Any) -> dict[str, Any]:
    return _field("string", description, example=example, **{"empty": False, **rules})


def _line(description: str, *, example: str | None = None, **rules: Any) -> dict[str, Any]:
    """Return the rules of a text that is one line."""
    rules.setdefault("maxlength", 200)
    return _text(
        description,
        example=example,
        regex=r"\S(.*\S)?",
        pattern="one line without spaces around it",
        **rules,
    )


def _form(
    description: str, *, regex: str, pattern: str, example: str | None = None, **rules: Any
) -> dict[str, Any]:
    """Return the rules of a text of a form that `pattern` says in words."""
    return _text(description, example=example, regex=regex, pattern=pattern, **rules)


def _choice(description: str, choices: Any, *, example: str | None = None) -> dict[str, Any]:
    return _field(
        "string", description, example=example, allowed=[str(choice) for choice in choices]
    )


def _list(description: str, items: dict[str, Any], **rules: Any) -> dict[str, Any]:
    return _field("list", description, schema=items, **rules)


def _mapping(description: str, fields: dict[str, Any], **rules: Any) -> dict[str, Any]:
    return _field("dict", description, schema=fields, **rules)


def _field(
    kind: str | list[str],
    description: str,
    *,
    example: str | int | None = None,
    hint: str | None = None,
    pattern: str | None = None,
    **rules: Any,
) -> dict[str, Any]:
    meta = {"description": description, "example": example, "hint": hint, "pattern": pattern}
    return {
        "type": kind,
        **rules,
        "meta": {key: value for key, value in meta.items() if value is not None},
    }


def _must(rules: dict[str, Any]) -> dict[str, Any]:
    return {**rules, "required": True}


def _web_page(description: str, *, example: str | None = None) -> dict[str, Any]:
    return _form(description, regex=WEB_URL, pattern="a web address", example=example)


_VERSION_OF_SCHEMA = _must(
    _field(
        "integer",
        "The version of this format; 1 is the only one.",
        allowed=[1],
        hint="write 'schema: 1'",
    )
)
_NAME = _form(
    "The name; it is the folder's name as well.",
    regex=NAME,
    pattern=NAME_IN_WORDS,
    example="hdf5-tools",
    maxlength=64,
)
_DEBIAN_PACKAGES = {
    "type": "string",
    "regex": DEBIAN_PACKAGE,
    "meta": {
        "pattern": "the name of a Debian package, without a version",
        "hint": "versions are pinned by the lock, not here",
    },
}
_MAINTAINERS = _must(
    _list(
        "Who looks after the recipe.",
        {
            "type": "dict",
            "schema": {
                "name": _must(_line("The person's or the group's name.")),
                "email": _form(
                    "Where to write to.",
                    regex=EMAIL,
                    pattern="an e-mail address",
                    example="someone@example.org",
                ),
                "orcid": _form(
                    "The person's ORCID.",
                    regex=ORCID,
                    pattern="an ORCID as a web address",
                    example="https://orcid.org/0000-0002-1825-0097",
                ),
            },
        },
        minlength=1,
    )
)

_LICENSE = {
    "spdx": _must(
        _line(
            "The licence of the program as an SPDX expression; `LicenseRef-…` for a licence that "
            "SPDX does not list.",
            example="GPL-2.0-or-later AND MIT",
            maxlength=500,
        )
    ),
    "redistribution": _must(
        _choice(
            "Whom the package may be given to; it decides where it is published.", Redistribution
        )
    ),
    "evidence": _line(
        "How the licence is known: a file in the image or a web page.",
        example="/usr/share/doc/hdf5-tools/copyright",
    ),
    "text": _line(
        "The file of the recipe's folder with the words of the licence. A `LicenseRef-` that is "
        "handed on needs it: the policy's review names its sha256.",
        example="LICENSE.txt",
    ),
}

_SITE = {
    "terms": _must(_web_page("What the holder of a licence agrees to.")),
    "registration": _must(_web_page("Where a licence and the download are had.")),
    "download": _must(
        _list(
            "What the holder downloads; the script finds it at `$PANSOFT_SOURCES/<file name>`.",
            {
                "type": "dict",
                "schema": {
                    "file": _must(
                        _form(
                            "The file's name, or a pattern of it: `*` is any text.",
                            regex=r"[A-Za-z0-9*][A-Za-z0-9._+~*-]*",
                            pattern="a file's name, in which `*` stands for any text",
                            example="XDS-*_Linux_x86_64.tar.gz",
                            maxlength=200,
                        )
                    ),
                    "sha256": _list(
                        "Of the files that somebody has built from. Another file is taken when the "
                        "holder says its sha256.",
                        {
                            "type": "string",
                            "regex": SHA256,
                            "meta": {"pattern": "64 hexadecimal digits in lower case"},
                        },
                    ),
                },
            },
            minlength=1,
        )
    ),
}

_SOURCE = {
    "url": _form(
        "Where upstream publishes the archive.",
        regex=HTTPS_URL,
        pattern="a web address that begins with https://",
    ),
    "pypi-sdist": _form(
        "The archive's name and version on the Python package index that the host is set up for.",
        regex=r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.!+_-]*",
        pattern="name==version",
        example="fisx==1.3.2",
    ),
    "pypi-wheel": _form(
        "A wheel on that index by its file name, for a script that unpacks it: beside what `pip` installs, "
        "and without what it would ask for.",
        regex=r"[A-Za-z0-9_.]+-[0-9][A-Za-z0-9.!+_]*(-[0-9][A-Za-z0-9_.]*)?(-[A-Za-z0-9_.]+){3}\.whl",
        pattern="name-version-python-abi-platform.whl",
        example="quasar-1.13.1-py3-none-any.whl",
    ),
    "debian-source": _form(
        "The upstream archives of a Debian source package, by its name and Debian version, from the "
        "archives that the host is set up for. The sha256 is that of its `.orig.tar`.",
        regex=r"[a-z0-9][a-z0-9+.-]+=[0-9][0-9A-Za-z.+:~-]*",
        pattern="name=version",
        example="xraylib=4.0.0+dfsg1-3",
    ),
    "sha256": _must(
        _form(
            "The archive's sha256.",
            regex=SHA256,
            pattern="64 hexadecimal digits in lower case",
            hint="run: sha256sum the-archive.tar.gz",
        )
    ),
}

_ENVIRONMENT = _field(
    "dict",
    "Environment variables that are set in the image.",
    keysrules={
        "type": "string",
        "regex": ENVIRONMENT_NAME,
        "meta": {"pattern": "letters, digits and '_', no digit first"},
    },
    valuesrules={"type": "string"},
)

_LOCAL_FILE = {
    "source": _must(_line("The file in the recipe's folder.", example="files/pyfai.svg")),
    "target": _must(
        _line(
            "Where it goes in the image: below /opt, /usr/local or /etc.",
            example="/usr/local/share/icons/pyfai.svg",
        )
    ),
    "mode": _form(
        "Its mode, in octal; 0644 if not given.",
        regex="0[0-7]{3}",
        pattern="four octal digits that begin with 0",
        example="0755",
        hint='in quotes, for instance "0755"',
    ),
}

_BUILD = {
    "apt": _list("Debian packages.", _DEBIAN_PACKAGES),
    "tools": _list(
        "Debian packages that only the script needs; they are not in the image.", _DEBIAN_PACKAGES
    ),
    "pip": _list(
        "Python requirements, each pinned with `==`; they go into a virtual environment at "
        "/opt/venv. What they need in turn is pinned by the lock.",
        _line("One requirement.", example="pyFAI==2026.9.0"),
    ),
    "npm": _list(
        "Node packages, each `name@version`; their commands are on the path. Locking them needs npm.",
        _line("One package.", example="vega-lite@5.23.0"),
    ),
    "sources": _list(
        "Archives for the script, found at `$PANSOFT_SOURCES/<file name>`.",
        {"type": "dict", "schema": _SOURCE},
    ),
    "files": _list(
        "Files of the recipe's folder that go into the image.",
        {"type": "dict", "schema": _LOCAL_FILE},
    ),
    "script": _text(
        "What `sh -eu` runs at the end of the build, without network. `$PREFIX` is `/opt/<name>`; "
        "its `bin` is searched for commands."
    ),
    "limits": _mapping(
        "What the build may take, where the defaults are too little. A site may allow less.",
        {
            "time": _field(
                "integer",
                f"Minutes; {Limits().time} if not given.",
                min=1,
                max=2880,
                example=180,
            ),
            "memory": _field(
                "integer",
                f"MiB of memory, that of files in /tmp included; {Limits().memory} if not given.",
                min=64,
                max=16777216,
                example=16384,
            ),
            "disk": _field(
                "integer",
                f"MiB of disk that the build writes; {Limits().disk} if not given.",
                min=64,
                max=16777216,
                example=40960,
            ),
        },
    ),
}

_COMMAND = {
    "type": ["string", "dict"],
    "regex": COMMAND,
    "schema": {
        "name": _must(
            _form(
                "The command that users type.",
                regex=COMMAND,
                pattern=COMMAND_IN_WORDS,
                example="pyfai-python",
            )
        ),
        "run": _must(
            _line("The program in the image, with first arguments.", example="python -m pyFAI")
        ),
    },
    "meta": {"pattern": COMMAND_IN_WORDS, "example": "h5dump"},
}

_EXPECTED_FILE = {
    "type": ["string", "dict"],
    "empty": False,
    "schema": {
        "path": _must(_line("The file, in the test's folder.", example="out/image.h5")),
        "pattern": _line("A regular expression that is found in it."),
        "size": _field(
            "integer", "How many bytes it has at least; 1 if not given.", min=0, example=1024
        ),
    },
    "meta": {"example": "image.png"},
}

_TEST = {
    "name": _must(_line("What the test shows, in a few words.", example="writes and reads a file")),
    "kind": _must(
        _choice(
            "What the test needs around it.",
            [kind for kind in TestKind if kind is not TestKind.SMOKE],
        )
    ),
    "run": _text(
        "What `sh -eu` runs inside the image, in an empty folder, as an ordinary user, without "
        "network."
    ),
    "status": _field(
        "integer", "The status `run` has to end with; 0 if not given.", min=0, max=255, example=2
    ),
    "expect": _field(
        ["string", "list"],
        "Text that the output must contain, character for character; or several.",
        empty=False,
        schema=_text("One text."),
        example="DATASPACE",
    ),
    "stdout": _line("A regular expression that is found in the standard output."),
    "stderr": _line("A regular expression that is found in standard error."),
    "files": _list("Files that are there afterwards and not empty.", _EXPECTED_FILE),
    "prepare": _text("What `sh -eu` runs before, to write files for instance."),
    "modules": _list(
        "Kind import: what the image's Python imports.",
        {
            "type": "string",
            "regex": r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*",
            "meta": {"pattern": "the name of a module", "example": "silx.io"},
        },
        minlength=1,
    ),
    "window": _line(
        "Kind gui: the title of the window that `run` shows, as an extended regular expression.",
        example="Silx viewer",
    ),
    "cell": _text("Kind notebook: what the package's kernel runs, as one cell."),
    "timeout": _field(
        "integer",
        "The seconds it may take; 600 if not given. For the kind gui, how long the window is "
        "waited for; 120 if not given.",
        min=1,
        max=86400,
        example=1800,
    ),
}

_RUNTIME = {
    "gpu": _choice("Whether it uses a GPU: not at all, if there is one, only with one.", Need),
    "mpi": _field("boolean", "Whether it is started with MPI."),
    "cpus": _field("integer", "The CPUs that a typical run uses.", min=1, max=1024, example=4),
    "memory": _field(
        "integer", "The memory, in MiB, that a typical run uses.", min=1, max=16777216, example=2048
    ),
    "time": _field(
        "integer", "The minutes that a typical run takes.", min=1, max=525600, example=30
    ),
    "desktop": _mapping(
        "The entry in the desktop's menu.",
        {
            "command": _must(_line("Which of `commands` it starts.", example="silx")),
            "title": _must(_line("The entry's title.", example="silx view")),
            "icon": _line(
                "The icon: a name, or a file in the image.",
                example="/usr/share/pixmaps/fityk.png",
            ),
            "categories": _list(
                "The menu's categories, as freedesktop.org names them.",
                {
                    "type": "string",
                    "regex": "[A-Za-z-]+",
                    "meta": {"pattern": "one word", "example": "Science"},
                },
            ),
        },
    ),
    "jupyter": _mapping(
        "The notebook kernel.",
        {
            "display_name": _must(_line("Its name in the notebook's menu.", example="pyFAI")),
            "python": _must(_line("The interpreter in the image.", example="/opt/venv/bin/python")),
            "language": _line("Its language; python if not given."),
        },
    ),
}

_RELEASE = {
    "channel": _choice("Where a merge publishes to; testing if not given.", Channel),
    "owner": _line(
        "The group that answers for it. With an @ in front it is one of GitLab's, which is mentioned in the "
        "issue of a scheduled job that fails on the package.",
        example="@pan/diffraction",
    ),
    "supported_until": _form(
        "The last day on which it is looked after.",
        regex=DATE,
        pattern="a date, year-month-day",
        example="2027-12-31",
    ),
    "replaced_by": _form("The package that takes its place.", regex=NAME, pattern=NAME_IN_WORDS),
}

RECIPE: Schema = {
    "schema": _VERSION_OF_SCHEMA,
    "name": _must(_NAME),
    "version": _must(
        _form(
            "The version of the program, as upstream writes it.",
            regex="[0-9A-Za-z][0-9A-Za-z.+~_-]*",
            pattern="a version: letters, digits, '.', '+', '~', '_' and '-'",
            example="1.10.8",
            maxlength=64,
        )
    ),
    "title": _must(_line("The name as people write it.", example="HDF5 tools", maxlength=80)),
    "summary": _must(_line("What it is, in one line.", maxlength=160)),
    "description": _must(_text("What it is for, in a few sentences.", maxlength=10000)),
    "homepage": _must(_web_page("Its home page.", example="https://www.silx.org")),
    "source": _web_page("Where its source code is.", example="https://github.com/silx-kit/silx"),
    "documentation": _web_page("Where its documentation is."),
    "citation": _form(
        "What to cite, as a DOI.",
        regex=CITATION,
        pattern="a DOI as a web address",
        example="https://doi.org/10.1107/S1600576715004306",
    ),
    "license": _must(_mapping("What the law allows.", _LICENSE)),
    "maintainers": _MAINTAINERS,
    "facilities": _list(
        "Facilities that make it or are known to use it.",
        _line("One facility.", example="ESRF", maxlength=80),
    ),
    "techniques": _list(
        "What it is used for, as terms of the PaNET ontology.",
        {
            "type": "string",
            "regex": TECHNIQUE,
            "meta": {
                "pattern": "a PaNET term whose id is PaNET0 and four digits",
                "hint": "for example: http://purl.org/pan-science/PaNET/PaNET01188",
            },
        },
    ),
    "base": _must(
        _form(
            "The base it stands on, a folder of `recipes/bases`.",
            regex=NAME,
            pattern=NAME_IN_WORDS,
            example="debian-12",
        )
    ),
    "build": _must(_mapping("What goes into the image.", _BUILD)),
    "install": _choice(
        "Who makes the image: the `publisher`, or each `site` for itself from the download of a "
        "licence holder; publisher if not given. With `site`, `site` says what the holder does.",
        Install,
    ),
    "site": _mapping("`install: site`: how the holder of a licence comes by the software.", _SITE),
    "environment": _ENVIRONMENT,
    "commands": _list("The commands that users get: a name, or a name and what it runs.", _COMMAND),
    "tests": _must(
        _list(
            "Proofs that the package works; without one nothing is published.",
            {"type": "dict", "schema": _TEST},
            minlength=1,
        )
    ),
    "runtime": _mapping("What it can and needs when it runs.", _RUNTIME),
    "delivery": _choice("The form in which it is published; image if not given.", Delivery),
    "release": _mapping("Where it is published, and for how long it is looked after.", _RELEASE),
    "retire": _line("Why it is no longer published; a recipe with this is not built."),
}

BASE: Schema = {
    "schema": _VERSION_OF_SCHEMA,
    "name": _must(_NAME),
    "title": _must(_line("The name as people write it.", maxlength=80)),
    "summary": _must(_line("What is in it, in one line.", maxlength=160)),
    "suite": _form(
        "The Debian suite whose minimal system it begins with.",
        regex="[a-z]+",
        pattern="a suite's code name in lower case",
        example="bookworm",
    ),
    "image": _line(
        "The container image that it begins with, in place of a suite, by its digest: "
        "`docker://HOST/NAME@sha256:…` in a registry, `docker-archive:FILE.tar@sha256:…` for a file in "
        "the base's folder, `docker-daemon:NAME@sha256:…` on this machine; the last two with the image's "
        "id. Debian packages can be put on it where it is a Debian, Python requirements where it has a "
        "Python 3.11.",
        example=f"docker://registry.example.org/group/name@sha256:{'0123456789abcdef' * 4}",
    ),
    "on": _form(
        "The base that it is a layer over, in place of a suite.",
        regex=NAME,
        pattern=NAME_IN_WORDS,
        example="debian-12-python",
    ),
    "apt": _list("Debian packages beyond that.", _DEBIAN_PACKAGES),
    "pip": _list(
        "Python requirements, each pinned with `==`, in the virtual environment /opt/venv. A package "
        "on this base that gets along with them does not carry them again.",
        _line("One requirement.", example="numpy==2.4.6"),
    ),
    "environment": _ENVIRONMENT,
    "maintainers": _MAINTAINERS,
}
