# SPDX-License-Identifier: BSD-3-Clause
"""What a recipe must hold beyond its schema: rules on several values, or on the recipe's folder.

The rules, each with its id:
- `recipe-missing`: a recipe's folder holds a `recipe.yaml`.
- `recipe-name`: its name is the folder's name.
- `recipe-base`: its base is a folder of `recipes/bases`.
- `recipe-license`: its licence is an SPDX expression; an unknown licence is not given away.
- `recipe-site`: what a licence holder installs says how, names what its script uses, and is not for
  everybody.
- `recipe-build`: something goes into the image; sources have a script that uses them, tools
  a script or Python requirements.
- `recipe-pip`, `recipe-npm`: a requirement is pinned to one version, and names no address; what runs
  it is there.
- `recipe-source`: a source has one location, and a file name of its own.
- `recipe-file`: a local file, the licence's words among them, exists and does not leave the recipe's folder.
- `recipe-target`: it goes below /opt, /usr/local or /etc, and nobody else may write to it.
- `recipe-environment`: variables that decide how programs are found stay as they are.
- `recipe-command`: what a command runs is a program with arguments.
- `recipe-desktop`: the menu entry starts one of the commands.
- `recipe-test`: a test says what its kind needs, and needs what the recipe says the package has.
- `recipe-duplicate`: nothing is listed twice.
- `recipe-date`: a date is in the calendar.
- `recipe-orcid`: an ORCID's last digit fits the others.
- `recipe-replaced`: the package that takes its place exists.
- `recipe-kept`: a version beside the current one lies in the folder of its version.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from builder.recipes import schema
from builder.recipes.folders import RECIPES, is_kept, name_of, recipes_around
from builder.recipes.looking import Text, at, repeated, texts, values
from builder.recipes.recipe import Source, SourceKind
from builder.recipes.rules_of_tests import TEST_CHECKS
from core import spdx
from core.problems import Problem
from core.strict_yaml import Document

UNKNOWN_LICENSE = "LicenseRef-unknown"
TARGETS = ("/opt", "/usr/local", "/etc")
_RESERVED = re.compile(r"(PATH|HOME|USER|SHELL|LD_PRELOAD|LD_AUDIT|APPTAINER.*|SINGULARITY.*)\Z")
_NPM = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@[0-9][0-9A-Za-z.+-]*\Z")


_NAMED_KINDS = tuple(kind for kind in SourceKind if kind is not SourceKind.DOWNLOAD)


def recipe_problems(document: Document, folder: Path, *, bases: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with a recipe beyond its schema, whether or not the schema is met.

    Args:
        document: the recipe as it was read.
        folder: the recipe's folder, where its local files are.
        bases: the names of the bases that there are.
    """
    for check in _CHECKS:
        yield from check(document)
    yield from check_name(document, folder)
    yield from _check_kept(document, folder)
    yield from _check_base(document, bases)
    yield from _check_files(document, folder)
    yield from _check_replaced(document, folder)


# -- the checks ------------------------------------------------------------------------------------


def check_name(document: Document, folder: Path) -> Iterator[Problem]:
    """Yield a problem where the name is not the folder's."""
    for name in texts(document, "name"):
        if name.text != name_of(folder):
            yield name.problem(
                "recipe-name",
                f"the name is '{name.text}', but the folder is '{name_of(folder)}'",
                hint="rename one of them",
            )


def _check_kept(document: Document, folder: Path) -> Iterator[Problem]:
    """Yield what is wrong with a version that is kept beside the current one."""
    if not is_kept(folder):
        return
    for version in texts(document, "version"):
        if version.text != folder.name:
            yield version.problem(
                "recipe-kept",
                f"the version is '{version.text}', but the folder is '{folder.name}'",
                hint="rename one of them",
            )
        if not (folder.parents[1] / "recipe.yaml").is_file():
            yield version.problem(
                "recipe-kept",
                f"there is no current version of {name_of(folder)} that this one is kept beside",
                hint=f"the newest version lies in {RECIPES}/{name_of(folder)} itself",
            )


def _check_base(document: Document, bases: Sequence[str]) -> Iterator[Problem]:
    for base in texts(document, "base"):
        if base.text not in bases:
            yield base.problem(
                "recipe-base",
                f"there is no base '{base.text}'",
                hint=f"known are: {', '.join(bases)}" if bases else "there is no base at all",
            )


def _check_license(document: Document) -> Iterator[Problem]:
    given_away = any(text.text == "allowed" for text in texts(document, "license.redistribution"))
    for text in texts(document, "license.spdx"):
        expression = spdx.parse(text.text)
        for fault in expression.problems:
            yield text.problem(
                "recipe-license",
                fault,
                hint="the list is at https://spdx.org/licenses; LicenseRef-<name> for others",
            )
        if UNKNOWN_LICENSE in expression.keys and given_away:
            yield text.problem(
                "recipe-license",
                "the licence is unknown, but redistribution is allowed",
                hint="find the licence out, or write 'redistribution: forbidden'",
            )


def _check_build(document: Document) -> Iterator[Problem]:
    for path, build in values(document, "build"):
        if not isinstance(build, dict):
            continue
        if not any(build.get(field) for field in ("apt", "pip", "npm", "files", "script")):
            yield at(
                document,
                path,
                "recipe-build",
                "nothing goes into the image",
                "list Debian packages under 'apt' or Python requirements under 'pip'",
            )
        users = {"sources": ("script",), "tools": ("script", "pip")}
        for field, of_them in users.items():
            if build.get(field) and not any(build.get(user) for user in of_them):
                yield at(
                    document,
                    (*path, field),
                    "recipe-build",
                    f"there are {field}, but no script that uses them",
                    "add a 'script' or take them out",
                )
        debian = build.get("apt")
        if build.get("npm") and not (isinstance(debian, list) and "nodejs" in debian):
            yield at(
                document,
                (*path, "npm"),
                "recipe-npm",
                "there are Node packages, but no Node that runs them",
                "add nodejs to 'apt'",
            )


def _check_pip(document: Document) -> Iterator[Problem]:
    yield from check_requirements(document, "build.pip[]")


def check_requirements(document: Document, pattern: str) -> Iterator[Problem]:
    """Yield what is wrong with the Python requirements at `pattern`."""
    parsed: list[Text] = []
    for text in texts(document, pattern):
        try:
            requirement = Requirement(text.text)
        except InvalidRequirement as err:
            reason = str(err).splitlines()[0]
            yield text.problem("recipe-pip", f"'{text.text}' is not a requirement: {reason}")
            continue
        parsed.append(Text(document, text.path, requirement.name))
        if requirement.url is not None:
            yield text.problem(
                "recipe-pip",
                f"'{requirement.name}' is to come from an address",
                hint="name it and its version; archives go under 'sources'",
            )
            continue
        pins = list(requirement.specifier)
        if len(pins) != 1 or pins[0].operator != "==" or pins[0].version.endswith("*"):
            yield text.problem(
                "recipe-pip",
                f"'{text.text}' is not pinned to one version",
                hint=f"write {requirement.name}==VERSION",
            )
    yield from repeated(parsed, same=canonicalize_name)


def _check_npm(document: Document) -> Iterator[Problem]:
    for text in texts(document, "build.npm[]"):
        if not _NPM.match(text.text):
            yield text.problem(
                "recipe-npm",
                f"'{text.text}' is not pinned to one version",
                hint="write name@version",
            )


def _check_sources(document: Document) -> Iterator[Problem]:
    names: list[Text] = []
    for path, source in values(document, "build.sources[]"):
        if not isinstance(source, dict):
            continue
        kinds = [kind for kind in _NAMED_KINDS if kind.value in source]
        if len(kinds) != 1:
            yield at(
                document,
                path,
                "recipe-source",
                "a source has one of 'url', 'pypi-sdist', 'pypi-wheel' and 'debian-source'",
                "keep one of them and its sha256",
            )
            continue
        [kind] = kinds
        location = source[kind.value]
        if not isinstance(location, str):
            continue
        filename = Source(kind, location, "").filename
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+~-]*", filename):
            yield at(
                document,
                (*path, kind.value),
                "recipe-source",
                "the address does not end in a file's name",
                "give the address of the archive itself",
            )
            continue
        names.append(Text(document, (*path, kind.value), filename))
    yield from repeated(names)


def _check_site(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with software that each site installs from its own download."""
    by_site = [text for text in texts(document, "install") if text.text == "site"]
    ways = [path for path, _ in values(document, "site")]
    for text in by_site if not ways else ():
        yield text.problem(
            "recipe-site",
            "it is not said how the holder of a licence comes by it",
            hint="add 'site' with terms, registration and download",
        )
    for path in ways if not by_site else ():
        yield at(
            document,
            path,
            "recipe-site",
            "there is a 'site', but the image is the publisher's to make",
            "write 'install: site', or take 'site' out",
        )
    for text in by_site:
        scripts = list(texts(document, "build.script"))
        if not scripts:
            yield text.problem(
                "recipe-site",
                "no script uses the download",
                hint="add a 'script' to 'build'; it finds the file in $PANSOFT_SOURCES",
            )
        for right in texts(document, "license.redistribution"):
            if right.text == "allowed":
                yield right.problem(
                    "recipe-site",
                    "what may be given to everybody needs no download of a licence holder",
                    hint="write 'redistribution: forbidden' or 'partners', or build it here",
                )
    yield from repeated(texts(document, "site.download[].file"))
    yield from repeated(texts(document, "site.download[].sha256[]"))


def _check_files(document: Document, folder: Path) -> Iterator[Problem]:
    for text in (*texts(document, "license.text"), *texts(document, "build.files[].source")):
        source = PurePosixPath(text.text)
        inside = (folder / source).resolve()
        if source.is_absolute() or ".." in source.parts:
            yield text.problem(
                "recipe-file",
                f"'{text.text}' leaves the recipe's folder",
                hint="copy the file into the recipe's folder",
            )
        elif not inside.is_relative_to(folder.resolve()):
            yield text.problem(
                "recipe-file",
                f"'{text.text}' is a link that leaves the recipe's folder",
                hint="copy the file into the recipe's folder",
            )
        elif not inside.is_file():
            yield text.problem(
                "recipe-file",
                f"there is no file '{text.text}' in the recipe's folder",
                hint="only files are copied, not folders",
            )
    for text in texts(document, "build.files[].target"):
        below = any(text.text.startswith(f"{folder}/") for folder in TARGETS)
        if str(PurePosixPath(text.text)) != text.text or ".." in text.text.split("/") or not below:
            yield text.problem(
                "recipe-target",
                f"'{text.text}' is not a file below {', '.join(TARGETS[:-1])} or {TARGETS[-1]}",
                hint="write the whole path without '..', for example /usr/local/share/NAME/FILE",
            )
    for text in texts(document, "build.files[].mode"):
        if text.text[-1:] in ("2", "3", "6", "7"):
            yield text.problem(
                "recipe-target",
                f"mode {text.text} lets everybody write to the file",
                hint='"0644" for data, "0755" for programs',
            )
    yield from repeated(texts(document, "build.files[].target"))


def check_environment(document: Document) -> Iterator[Problem]:
    """Yield variables that decide how programs are found."""
    for path, variables in values(document, "environment"):
        if not isinstance(variables, dict):
            continue
        for name in variables:
            if _RESERVED.match(name):
                yield Problem(
                    document.where_key((*path, name)),
                    "recipe-environment",
                    f"'{name}' is not a recipe's to set",
                    hint="a command's 'run' may give a program its whole path",
                    field=f"environment.{name}",
                )


def _command_names(document: Document) -> list[Text]:
    names = [*texts(document, "commands[]"), *texts(document, "commands[].name")]
    return sorted(names, key=lambda name: str(name.path[1]).zfill(6))


def _check_commands(document: Document) -> Iterator[Problem]:
    yield from repeated(_command_names(document))
    for text in texts(document, "commands[].run"):
        try:
            program = shlex.split(text.text)[:1]
        except ValueError as err:
            yield text.problem("recipe-command", f"'{text.text}' cannot be split: {err}")
            continue
        if not program or not re.fullmatch(r"/?[A-Za-z0-9_.+-][A-Za-z0-9_.+/-]*", program[0]):
            yield text.problem(
                "recipe-command",
                f"'{text.text}' does not begin with a program",
                hint="a program and its arguments, no shell",
            )


def _check_desktop(document: Document) -> Iterator[Problem]:
    names = [name.text for name in _command_names(document)]
    for text in texts(document, "runtime.desktop.command"):
        if text.text not in names:
            yield text.problem(
                "recipe-desktop",
                f"'{text.text}' is not one of the commands",
                hint=f"known are: {', '.join(names)}" if names else "list it under 'commands'",
            )


def _check_lists(document: Document) -> Iterator[Problem]:
    installed = [*texts(document, "build.apt[]"), *texts(document, "build.tools[]")]
    yield from repeated(installed)
    for pattern in ("facilities[]", "techniques[]", "maintainers[].name", "build.npm[]"):
        yield from repeated(texts(document, pattern))


def _check_dates(document: Document) -> Iterator[Problem]:
    for text in texts(document, "release.supported_until"):
        if re.fullmatch(schema.DATE, text.text):
            try:
                date.fromisoformat(text.text)
            except ValueError:
                yield text.problem("recipe-date", f"{text.text} is not in the calendar")


def _check_orcid(document: Document) -> Iterator[Problem]:
    for text in texts(document, "maintainers[].orcid"):
        if not re.fullmatch(schema.ORCID, text.text):
            continue
        digits = text.text.rpartition("/")[2].replace("-", "")
        total = 0
        for digit in digits[:-1]:
            total = (total + int(digit)) * 2
        expected = (12 - total % 11) % 11
        if digits[-1] != ("X" if expected == 10 else str(expected)):
            yield text.problem(
                "recipe-orcid",
                "the ORCID's last digit does not fit",
                hint="look for a typing error",
            )


def _check_replaced(document: Document, folder: Path) -> Iterator[Problem]:
    for text in texts(document, "release.replaced_by"):
        if not re.fullmatch(schema.NAME, text.text):
            continue
        other = recipes_around(folder) / text.text / "recipe.yaml"
        if text.text == name_of(folder) or not other.is_file():
            yield text.problem(
                "recipe-replaced",
                f"'{text.text}' is not another package here",
                hint="it must have a recipe of its own",
            )


_CHECKS: tuple[Callable[[Document], Iterator[Problem]], ...] = (
    _check_license,
    _check_build,
    _check_pip,
    _check_npm,
    _check_sources,
    _check_site,
    check_environment,
    _check_commands,
    _check_desktop,
    *TEST_CHECKS,
    _check_lists,
    _check_dates,
    _check_orcid,
)
