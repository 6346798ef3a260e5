# SPDX-License-Identifier: BSD-3-Clause
"""An image whose program is broken on purpose, so that it is seen which tests notice.

- `removed`: the base without what the package adds. Where the program is the base's own, because
  what the recipe names is in it already, its files are hidden there.
- `mute`: the image as it is, but each command prints nothing and ends well.

Both are the real bytes with a small packed file system over them: it has whiteouts for what is
hidden, programs that do nothing for what is mute, and is the last overlay that Apptainer mounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from builder.images.base import Base
from builder.images.plan import BuildPlan, environment_script
from builder.recipes.recipe import Build, Recipe
from builder.testing.bench import Bench
from builder.testing.trial import HARNESS, Trial, left, script
from core import process
from core.errors import UserError

CALLED = "called"
"""What a mute command leaves in the harness."""

_MUTE = f"#!/bin/sh\n: > {HARNESS}/{CALLED}\n"
_ENVIRONMENT = ".singularity.d/env/90-environment.sh"
_HARNESS_NEEDS = re.compile(r"python[0-9.]*|sh|bash|dash|env")
_LOOK_S = 120.0


@dataclass(frozen=True, slots=True)
class Broken:
    """Where tests meet the sabotage; `way` says in words how it was done.

    With `leaves_mark` a test that met it has `CALLED` in its harness.
    """

    bench: Bench
    way: str
    leaves_mark: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """Packages that a recipe names: Debian's and Python's, the latter as PEP 503 writes them."""

    debian: tuple[str, ...] = ()
    python: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Return all names."""
        return (*self.python, *self.debian)


def removed(bench: Bench, plan: BuildPlan, base: Base, folder: Path) -> Broken:
    """Return the base without the package, with the environment that the package's programs see.

    Args:
        bench: where the tests are run that passed.
        plan: what the image is made of.
        base: its base, built.
        folder: an empty folder for the overlay.
    """
    lowest, *others = (layer.squashfs for layer in base.layers)
    alone = replace(
        bench, image=replace(bench.image, path=lowest), overlays=(*bench.overlays, *others)
    )
    ours = of_the_base(bench.recipe, plan)
    hidden = hiding(Whereabouts.of(alone, ours).files) if ours.all else ()
    if ours.all and not hidden:
        raise UserError(
            f"no file of {', '.join(ours.all)} was found in the base {base.plan.name}",
            hint="where the base is a container image, pansoft finds Debian and Python packages only",
        )
    environment = environment_script(plan).encode()
    overlay = _packed(folder, {f"/{_ENVIRONMENT}": environment}, hidden)
    way = f"the base {base.plan.name} alone"
    if ours.all:
        way = f"the base {base.plan.name} without {', '.join(ours.all)}"
    return Broken(replace(alone, overlays=(*alone.overlays, overlay)), way)


def mute(bench: Bench, folder: Path) -> Broken | None:
    """Return the image with commands that do nothing; None where there is no command of that kind.

    Python and shells are left alone: tests are made of them.
    """
    names = mutable(bench.recipe)
    programs = Whereabouts.of(bench, commands=names).programs if names else ()
    if not programs:
        return None
    overlay = _packed(folder, dict.fromkeys(programs, _MUTE.encode()), ())
    way = f"{len(programs)} command{'s' if len(programs) > 1 else ''} mute"
    return Broken(replace(bench, overlays=(*bench.overlays, overlay)), way, leaves_mark=True)


def mutable(recipe: Recipe) -> tuple[str, ...]:
    """Return the programs of a recipe's commands, without Python and shells."""
    programs = dict.fromkeys(command.run[0] for command in recipe.commands)
    return tuple(p for p in programs if not _HARNESS_NEEDS.fullmatch(PurePosixPath(p).name))


def of_the_base(recipe: Recipe, plan: BuildPlan) -> Named:
    """Return those of the packages a recipe names that are its program and are in its base; pure.

    The program is what is named like the recipe. Where nothing is, it is all that is named, as far
    as the recipe builds nothing else and all of it is in the base.
    """
    named = Named(
        debian=tuple(item.partition("=")[0].strip() for item in recipe.build.apt),
        python=tuple(_plain(re.split(r"[\[=<>~!; ]", item)[0]) for item in recipe.build.pip),
    )
    base = Named(
        debian=tuple(item.name for item in plan.base.lock.packages),
        python=tuple(_plain(item.name) for item in plan.base.lock.wheels),
    )
    likely = {_plain(recipe.name), f"python3-{_plain(recipe.name)}"}
    program = _those_in(named, likely)
    if not program.all and _adds_files(recipe.build):
        return Named()
    program = program if program.all else named
    theirs = Named(_both(program.debian, base.debian), _both(program.python, base.python))
    return theirs if theirs == program else Named()


def hiding(files: Iterable[str]) -> tuple[str, ...]:
    """Return the fewest paths to hide so that none of these files is there for anybody; pure.

    A folder that is a Python package goes as a whole: what is left of one could still be imported.
    """
    known = {PurePosixPath(file) for file in files}
    whole = {file.parent for file in known if file.name == "__init__.py"}
    whole |= {file.parent for file in known if file.parent.suffix == ".dist-info"}
    paths = set()
    for file in known:
        above = [folder for folder in reversed(file.parents) if folder in whole]
        paths.add(str(above[0] if above else file))
    return tuple(sorted(paths))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _both(names: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    known = set(others)
    return tuple(name for name in names if name in known)


def _those_in(named: Named, wanted: set[str]) -> Named:
    return Named(_both(named.debian, wanted), _both(named.python, wanted))


def _adds_files(build: Build) -> bool:
    return bool(build.script or build.files or build.sources or build.npm)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where in an image things are: the programs of commands, the files of packages."""

    programs: tuple[str, ...]
    files: tuple[str, ...]

    @classmethod
    def of(
        cls, bench: Bench, named: Named | None = None, commands: Sequence[str] = ()
    ) -> Whereabouts:
        """Return what a look into the image of a bench finds."""
        named = named or Named()
        asked = {"commands": commands, "debian": named.debian, "python": named.python}
        files = {name: "".join(f"{item}\n" for item in items) for name, items in asked.items()}
        trial = Trial(
            argv=("sh", f"{HARNESS}/where.sh"),
            files=files | {"where.sh": script("where.sh")},
            timeout_s=_LOOK_S,
        )
        with bench.run(trial) as done:
            if done.ended is None or done.ended.status != 0:
                raise UserError(
                    f"a look into {bench.image.path.name} broke off: {done.reason or done.output}",
                    hint="run the same command again",
                )
            found = [left(done.ended.harness, name) or b"" for name in ("programs", "files")]
        programs, names = (
            tuple(dict.fromkeys(lines.decode("utf-8", "surrogateescape").splitlines()))
            for lines in found
        )
        return cls(programs, names)


def _packed(folder: Path, files: dict[str, bytes], hidden: Sequence[str]) -> Path:
    """Return a packed file system in `folder` with these executables, and whiteouts of `hidden`."""
    tree = folder / "tree"
    for path in (*files, *hidden):
        for above in reversed((tree / path.lstrip("/")).relative_to(folder).parents[:-1]):
            (folder / above).mkdir(mode=0o755, exist_ok=True)
            (folder / above).chmod(0o755)  # whatever the caller's umask
    for path, content in files.items():
        file = tree / path.lstrip("/")
        file.write_bytes(content)
        file.chmod(0o755)
    whiteouts = folder / "whiteouts"
    whiteouts.write_text("".join(f"{_quoted(path)} c 000 0 0 0 0\n" for path in hidden))
    packed = folder / "sabotage.squashfs"
    process.run(
        ["mksquashfs", tree, packed, "-noappend", "-quiet", "-no-progress", "-all-root",
         "-pf", whiteouts],
        reason="pack what hides the program",
        hint="make setup installs mksquashfs",
    )  # fmt: skip
    return packed


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
