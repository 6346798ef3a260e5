# SPDX-License-Identifier: BSD-3-Clause
"""The plain Apptainer definition that gives the same programs as a plan, for those without pansoft.

It is pinned as the lock is, but it is no lock: it reads from the network, and its image has other
bytes each time. It names no mirror. Where things come from are its build arguments:

- `from`: the Debian image that it begins from, where it does not begin from the base itself;
- `archive`: where .debs come from, as in a sources.list after `deb`, several with `;` between them;
  without it the image's own sources are used, of which our bases have none;
- `apt` and `pip`: further options of these two programs, for instance `--index-url …`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from builder.images.plan import BuildPlan
from builder.inputs.apt import DebianPackage
from builder.inputs.apt_sources import DebianSourceFile
from builder.inputs.lock import LockedSource, PythonArtefact
from builder.recipes.definition import Definition
from builder.recipes.image_reference import ImageSource
from builder.recipes.recipe import Recipe, SourceKind, Test, TestKind
from core.errors import UserError

_STAGE = "/.pansoft"
_RUN_IN_PLACE = {TestKind.COMMAND, TestKind.IMPORT}
_CLEAN = (
    "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb",
    f"rm -rf {_STAGE}",
)


def equivalent(recipe: Recipe, plan: BuildPlan, *, base: Path | None = None) -> Definition:
    """Return the definition of a plan.

    Args:
        recipe: the recipe that was planned, for its tests and its words.
        plan: its plan.
        base: an image or an unpacked folder of the base to begin from; by default the definition
            begins from Debian's own image and installs what the base has as well.

    Raises:
        UserError: the recipe holds what a definition cannot say.
    """
    _refuse_placeholders(recipe)
    _refuse_what_is_made(plan)
    debian = plan.debian if base else (*plan.base.lock.packages, *plan.debian)
    python = plan.python if base else _all_python(plan)
    with_apt, with_pip = bool(debian or plan.tools), bool(python)
    environment = plan.environment if base else _whole_environment(plan)
    arguments = [] if base else [("from", _beginning(plan))]
    arguments += [("archive", ""), ("apt", "")] if with_apt else []
    arguments += [("pip", "")] if with_pip else []
    return Definition(
        header=_header(base),
        arguments=tuple(arguments),
        files=tuple(_files(recipe, plan)),
        labels=(
            ("org.opencontainers.image.title", plan.name),
            ("org.opencontainers.image.version", plan.version),
            ("org.opencontainers.image.licenses", plan.license),
        ),
        environment=tuple((name, shlex.quote(value)) for name, value in environment),
        post=tuple(_post(plan, debian, python)),
        test=tuple(_tests(recipe)),
        comment=tuple(_comment(recipe, plan, base)),
    )


def _beginning(plan: BuildPlan) -> str:
    """Return the container image that a definition begins from.

    Raises:
        UserError: the base's image is in no registry.
    """
    lowest = plan.base.lock.lowest
    if lowest.origin is None:
        return f"debian:{plan.base.layers[0].suite}-slim"
    reference = lowest.origin.reference
    if reference.source is not ImageSource.REGISTRY:
        raise UserError(
            f"the base {lowest.name} begins with an image that is in no registry: {reference.place}",
            hint="name an image or a folder of the base to begin from: --base",
        )
    return f"{reference.place}@sha256:{reference.sha256}"


def _all_python(plan: BuildPlan) -> tuple[PythonArtefact, ...]:
    """Return the Python packages of the image, the base's among them."""
    own = {item.name for item in plan.python}
    return (*(item for item in plan.base.lock.wheels if item.name not in own), *plan.python)


def _whole_environment(plan: BuildPlan) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((dict(plan.base.environment) | dict(plan.environment)).items()))


def _header(base: Path | None) -> tuple[tuple[str, str], ...]:
    if base is not None:
        return (("Bootstrap", "localimage"), ("From", str(base)))
    return (("Bootstrap", "docker"), ("From", "{{ from }}"))


def _refuse_placeholders(recipe: Recipe) -> None:
    """Refuse `{{`, which Apptainer replaces everywhere in a definition."""
    texts = {
        "build.script": recipe.build.script or "",
        "environment": " ".join(value for _, value in recipe.environment),
        "tests": " ".join(f"{test.run} {test.expect}" for test in recipe.tests),
    }
    for field, text in texts.items():
        if "{{" in text:
            raise UserError(
                f"{recipe.file}: {field} holds '{{{{', which means something in a definition file",
                hint="write the text otherwise, for instance with a variable for one of the braces",
            )


def _refuse_what_is_made(plan: BuildPlan) -> None:
    """Refuse what is not installed but made by our builds, from archives that the lock names."""
    made = [item.filename for item in plan.sdists] + [item.filename for item in plan.node]
    if made:
        raise UserError(
            f"{plan.name} has inputs that only pansoft's builds unpack or make wheels of: "
            f"{', '.join(made[:3])}{', …' if len(made) > 3 else ''}",
            hint="a definition can be written for Debian packages, wheels, files and a script",
        )


def _comment(recipe: Recipe, plan: BuildPlan, base: Path | None) -> Iterator[str]:
    yield f"{plan.name} {plan.version}: {recipe.summary}"
    yield f"The same programs as pansoft's plan {plan.id}"
    yield f"on the base {plan.base.name}, which has more to say: every input by its sha256."
    yield ""
    yield f"apptainer build {plan.name}.sif THIS-FILE"
    if base is None or plan.debian or plan.tools:
        yield "A .deb that Debian's mirrors have no more is in an archive of its snapshots, named by"
        yield "--build-arg archive='URL SUITE main'."
    if recipe.build.files:
        yield f"Build it in the folder of the recipe {recipe.name}: it takes files from there."
    for source in plan.sources:
        yield f"sources/{source.filename} must lie there: {_origin(source)}"


def _origin(source: LockedSource) -> str:
    if isinstance(source, DebianSourceFile):
        return f"apt-get source --download-only {source.name}={source.version}"
    if source.kind is SourceKind.PYPI_SDIST:
        return f"pip download --no-deps --no-binary :all: {source.location}"
    if source.kind is SourceKind.DOWNLOAD:
        return f"a download of yours, sha256 {source.sha256}"
    return source.location


def _files(recipe: Recipe, plan: BuildPlan) -> Iterator[tuple[str, str]]:
    """Yield what goes into the stage: into place it goes after the packages, as in our builds."""
    for item in sorted(recipe.build.files, key=lambda file: file.target):
        yield item.source, f"{_STAGE}/files{item.target}"
    for source in plan.sources:
        yield f"sources/{source.filename}", f"{_STAGE}/sources/{source.filename}"


def _post(
    plan: BuildPlan, debian: Sequence[DebianPackage], python: Sequence[PythonArtefact]
) -> Iterator[str]:
    yield "set -eu"
    yield "export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8"
    yield f"mkdir -p {_STAGE}"
    if debian or plan.tools:
        yield "archive='{{ archive }}'"
        yield 'if [ -n "$archive" ]; then'
        yield "    rm -rf /etc/apt/sources.list.d"
        yield "    echo \"$archive\" | tr ';' '\\n' | sed 's/^ */deb /' > /etc/apt/sources.list"
        yield "fi"
        yield "debian() {"
        yield "    apt-get -q -y --no-install-recommends --allow-downgrades \\"
        yield "        -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 \\"
        yield '        -o Dpkg::Options::=--force-confold {{ apt }} "$@"'
        yield "}"
        yield "debian update"
    yield from _packages("debian install", debian)
    # not below /: Apptainer binds the host's /tmp and $HOME into %post
    yield r"find /usr /opt -xdev -type f -perm /6000 -exec chmod u-s,g-s {} +"
    if python:
        yield from _here("requirements.txt", _requirements(python))
        yield "[ -d /opt/venv ] || /usr/bin/python3 -m venv --without-pip /opt/venv"
        yield "/usr/bin/python3 -m pip --python /opt/venv/bin/python --no-cache-dir --no-input install \\"
        yield "    --no-deps --require-hashes --no-warn-script-location {{ pip }} \\"
        yield f"    -r {_STAGE}/requirements.txt"
    for file in plan.files:
        staged = shlex.quote(f"{_STAGE}/files{file.target}")
        yield f"install -D -m {file.mode:04o} {staged} {shlex.quote(file.target)}"
    if plan.script is not None:
        yield from _script(plan)
    yield from _CLEAN


def _packages(command: str, debian: Sequence[DebianPackage]) -> Iterator[str]:
    if debian:
        pinned = [f"{item.name}={item.version}" for item in debian]
        yield f"{command} \\"
        yield from (f"    {item} \\" for item in pinned[:-1])
        yield f"    {pinned[-1]}"


def _requirements(python: Sequence[PythonArtefact]) -> list[str]:
    return [f"{item.name}=={item.version} --hash=sha256:{item.sha256}" for item in python]


def _script(plan: BuildPlan) -> Iterator[str]:
    """Yield the recipe's script with what it finds in our builds: tools, sources, $PREFIX."""
    yield from _packages("debian install", plan.tools)
    if plan.sources:
        sums = [f"{item.sha256}  {_STAGE}/sources/{item.filename}" for item in plan.sources]
        yield from _here("sums", sums)
        yield f"sha256sum --check {_STAGE}/sums"
    yield from _here("script.sh", (plan.script or "").splitlines())
    prefix = f"/opt/{plan.name}"
    yield f"mkdir -p {_STAGE}/build {prefix}"
    yield "("
    yield f"    cd {_STAGE}/build"
    yield f"    export PREFIX={prefix} PANSOFT_SOURCES={_STAGE}/sources"
    if plan.python or plan.base.lock.wheels:
        yield '    export PATH="/opt/venv/bin:$PATH"'
    yield f"    /bin/sh -eu {_STAGE}/script.sh"
    yield ")"
    if plan.tools:
        names = " ".join(item.name for item in plan.tools)
        yield f"debian purge {names}"


def _here(name: str, lines: Sequence[str]) -> Iterator[str]:
    end = f"PANSOFT-END-OF-{name.upper()}"
    yield f"cat > {_STAGE}/{name} <<'{end}'"
    yield from lines
    yield end


def _tests(recipe: Recipe) -> Iterator[str]:
    """Yield the tests that need nothing around them, one after the other in empty folders."""
    tests = [test for test in recipe.tests if test.kind in _RUN_IN_PLACE]
    if not tests:
        return
    yield "set -eu"
    yield "work=$(mktemp -d)"
    yield """trap 'rm -rf "$work"' EXIT"""
    for number, test in enumerate(tests):
        yield from _test(test, folder=f'"$work/{number}"')


def _test(test: Test, *, folder: str) -> Iterator[str]:
    yield f"echo {shlex.quote(f'test: {test.name}')}"
    yield f"mkdir {folder}"
    yield f"cd {folder}"
    yield "cat > run.sh <<'PANSOFT-END-OF-TEST'"
    yield from (test.run or _imports(test.modules)).splitlines()
    yield "PANSOFT-END-OF-TEST"
    yield "status=0; sh -eu run.sh > output 2>&1 || status=$?"
    yield f"[ $status = {test.status} ] || {{ cat output; exit 1; }}"
    for text in test.expect:
        yield f'case "$(cat output)" in *{shlex.quote(text)}*) ;; *) cat output; exit 1 ;; esac'


def _imports(modules: Sequence[str]) -> str:
    return f'"$(command -v python || command -v python3)" -c "import {", ".join(modules)}"'
