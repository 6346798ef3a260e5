# SPDX-License-Identifier: BSD-3-Clause
"""Sandboxes of builds that were kept, to look into: what was installed, what the script left in /tmp."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from builder.images import sandbox
from builder.images.base import Base
from builder.images.build_user import BuildUser
from builder.images.plan import BuildPlan
from builder.state import State
from core.canonical import readable_json
from core.errors import UserError
from core.files import write_atomic

_FACTS = "kept.json"
_SCHEMA = 2


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept sandbox: its folder, what was built in it on which unpacked bases, and how that ended."""

    folder: Path
    name: str
    version: str
    plan: str
    layers: tuple[Path, ...]
    failed: bool


def keep(scratch: Path, plan: BuildPlan, base: Base, state: State, *, user: BuildUser) -> None:
    """Move a scratch folder to where it is kept; an earlier one of the same plan goes."""
    folder = state.kept(plan.id)
    facts = {
        "schema": _SCHEMA,
        "name": plan.name,
        "version": plan.version,
        "plan": plan.id,
        "layers": [str(root) for root in base.roots],
        "failed": not (scratch / "result.squashfs").exists(),
    }
    (scratch / "tmp").mkdir(exist_ok=True)  # a build that ended early left none
    write_atomic(scratch / _FACTS, readable_json(facts))
    sandbox.remove_tree(folder, user)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch.replace(folder)


def kept_sandboxes(state: State) -> tuple[Kept, ...]:
    """Return all kept sandboxes, the newest first."""
    found = []
    for file in state.own.glob(f"kept/*/{_FACTS}"):
        facts = json.loads(file.read_bytes())
        if facts.get("schema") == _SCHEMA:
            kept = Kept(
                folder=file.parent,
                name=facts["name"],
                version=facts["version"],
                plan=facts["plan"],
                layers=tuple(map(Path, facts["layers"])),
                failed=facts["failed"],
            )
            found.append((file.stat().st_mtime, kept))
    return tuple(kept for _, kept in sorted(found, key=lambda item: -item[0]))


def enter(kept: Kept, state: State, *, user: BuildUser, term: str) -> int:
    """Open a shell in a kept sandbox, on the caller's terminal and offline; return its status.

    Raises:
        UserError: the base that it lies on is gone.
    """
    if not all(layer.is_dir() for layer in kept.layers):
        raise UserError(
            f"the base that {kept.name} was built on is gone",
            hint=f"build it again: pansoft build {kept.name} --keep",
        )
    return sandbox.shell_in_sandbox(
        kept.folder, user=user, inputs=state.inputs, layers=kept.layers, term=term
    )
