# SPDX-License-Identifier: BSD-3-Clause
"""What each recipe's plan came to the last time, so that a thousand of them are answered at once.

`<state>/plans.json` keeps name, version and plan id of each recipe under a digest of every byte that
decides them: all files of the recipe's folder, those of all bases, and this program's own. When one
of them changes the recipe is read again. What is published is kept under the repository's root hash,
which a signature vouches for each time. A file that is damaged, or of another version of this
program, is as good as none; one that cannot be written is not an error. Only what is shown comes
from here: what is built, signed or published is planned from the recipes themselves.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from builder.recipes.folders import key_of, name_of, recipes_around
from builder.recipes.recipe import Channel
from builder.stages import PlanId
from builder.state import State
from core.canonical import canonical_json, sha256_of
from core.files import write_atomic

SCHEMA = 3  # of plans.json
_CHECKOUT = Path(__file__).resolve().parent.parent
_PROGRAM = ("builder", "core", "pansoft")


@dataclass(frozen=True, slots=True)
class Outline:
    """What is shown of a recipe and its plan."""

    name: str
    version: str
    plan: PlanId
    replaced_by: str | None = None
    channel: str = Channel.TESTING


@dataclass(frozen=True, slots=True)
class Published:
    """A version that is published: the plan it was built from, and since when in which channel.

    `retired` is since when it is out of use, `damage` what is missing of it, in words.
    """

    name: str
    version: str
    plan: PlanId
    published: str
    channel: str = Channel.TESTING
    retired: str | None = None
    damage: str | None = None


class PlanCache:
    """The outlines of one project in one state folder; `save` keeps those that were asked for."""

    def __init__(self, state: State, bases: Path) -> None:
        self._file = state.plans
        under_bases = digest_of(bases)
        self._basis = sha256_of([SCHEMA, _digest_of_program(), under_bases])
        kept = _read(self._file, self._basis) if under_bases else {}
        self._kept: dict[str, dict[str, str]] = kept.get("plans", {})
        self._published: dict[str, list[dict[str, Any]]] = kept.get("published", {})
        self._is_sure = under_bases is not None
        self._changed = False

    def get(self, folder: Path, digest: str | None) -> Outline | None:
        """Return the outline of the recipe in `folder`, if it was made of the files of `digest`."""
        entry = self._kept.get(key_of(folder))
        if entry is None or digest is None or entry["digest"] != digest:
            return None
        outline = Outline(
            name_of(folder),
            entry["version"],
            PlanId(entry["plan"]),
            entry["replaced_by"],
            entry["channel"],
        )
        if outline.replaced_by and not (recipes_around(folder) / outline.replaced_by).is_dir():
            return None  # the one rule that looks into another recipe's folder
        return outline

    def put(self, folder: Path, digest: str | None, outline: Outline) -> None:
        """Keep the outline of a recipe; without a digest of it and of the bases it cannot be kept."""
        if digest is not None and self._is_sure:
            self._kept[key_of(folder)] = {"digest": digest, **asdict(outline)}
            self._changed = True

    def published(self, root: str) -> tuple[Published, ...] | None:
        """Return what the repository with this root hash publishes, if that is known."""
        rows = self._published.get(root)
        if rows is None:
            return None
        return tuple(Published(**row) for row in rows)

    def put_published(self, root: str, entries: Iterable[Published]) -> None:
        """Keep what the repository with this root hash publishes, in place of what is kept."""
        self._published = {root: [asdict(entry) for entry in entries]}
        self._changed = True

    def save(self, folders: Iterable[Path]) -> None:
        """Write what is kept of the recipes in `folders`, all that the project has."""
        if not self._changed or not self._file.parent.is_dir():
            return  # planning makes no state: it only looks
        names = {key_of(folder) for folder in folders}
        plans = {name: entry for name, entry in self._kept.items() if name in names}
        body = {"basis": self._basis, "plans": plans, "published": self._published}
        try:
            write_atomic(self._file, canonical_json({"sha256": sha256_of(body), **body}))
        except OSError:
            return  # a state that may only be read: the next run is as slow as this one


def digest_of(folder: Path) -> str | None:
    """Return the sha256 of every file below a folder, with its name; None where that says too little.

    That is the case with symbolic links and with what cannot be read: then nothing is kept.
    """
    digest = hashlib.sha256()
    try:
        for path in _files(folder):
            content = path.read_bytes()
            name = os.fsencode(path.relative_to(folder))
            digest.update(b"%d %d\0" % (len(name), len(content)) + name)
            digest.update(content)
    except OSError:
        return None
    return digest.hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    """Return all files below a folder in order.

    Raises:
        OSError: there is something else than files and folders.
    """
    found: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                found += _files(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                found.append(Path(entry.path))
            else:
                raise OSError(f"{entry.path} is neither a file nor a folder")
    return found


def _digest_of_program() -> str:
    """Return the sha256 of this program's modules: another version plans otherwise."""
    digest = hashlib.sha256()
    for package in _PROGRAM:
        for module in sorted((_CHECKOUT / package).rglob("*.py")):
            digest.update(module.read_bytes())
    return digest.hexdigest()


def _read(file: Path, basis: str) -> dict[str, Any]:
    """Return what the file keeps; nothing where it is missing, damaged or made on another basis."""
    try:
        kept = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict) or kept.get("basis") != basis:
        return {}
    is_whole = kept.pop("sha256", None) == sha256_of(kept)
    return kept if is_whole else {}
