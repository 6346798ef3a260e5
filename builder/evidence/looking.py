# SPDX-License-Identifier: BSD-3-Clause
"""Look at a built tree before it is packed: what it holds, and what should not be in it.

Before, because packing drops what this asks for: extended attributes, and so file capabilities. It
runs as the build user in a user namespace, where every file of a build can be read and no link of a
package reaches a file of anybody else. Only the uppermost tree is walked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.images.build_user import BuildUser
from core import process
from trust.evidence import Sight

SCRIPT = Path(__file__).parent / "scripts" / "look.py"
TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a tree holds, raw: `dpkg` is empty where the tree has no status of its own.

    Args:
        files: how many regular files were looked at.
        size: their bytes.
        sights: what was odd, sorted.
        dpkg: dpkg's status.
        copyrights: copyright files by the name of the Debian package.
        python: metadata by the folder it stands in.
        npm: `package.json` by the folder it stands in.
        removed: paths of the trees below that this one takes away.
    """

    files: int
    size: int
    sights: tuple[Sight, ...]
    dpkg: str
    copyrights: Mapping[str, str]
    python: Mapping[str, str]
    npm: Mapping[str, str]
    removed: tuple[str, ...]


def look(tree: Path, below: Sequence[Path], *, user: BuildUser) -> Look:
    """Return what a built tree holds.

    Args:
        tree: the folder that a build filled: a base's root, or what a package adds.
        below: the trees that it lies on, the uppermost first.
        user: who built it.

    Raises:
        CommandFailed: it could not be looked at.
    """
    script = SCRIPT.read_text(encoding="utf-8")
    namespace = ["unshare", "--user", "--map-root-user", "--map-auto", "--net", "--kill-child"]
    argv: list[str | Path] = [*namespace, "python3", "-I", "-c", script, tree, *below]
    done = process.run(
        user.command(argv, reach=[tree, *below]),
        reason="look at what was built",
        env=user.environment(),
        cwd=Path("/"),
        timeout_s=TIMEOUT_S,
        hint="'pansoft doctor' looks at the machine",
    )
    data = json.loads(done.stdout)
    sights = {Sight(row["kind"], row["path"], row["what"]) for row in data["found"]}
    return Look(
        files=data["files"],
        size=data["bytes"],
        sights=tuple(sorted(sights, key=lambda each: (each.kind, each.path, each.what))),
        dpkg=data["dpkg"],
        copyrights=data["copyrights"],
        python=data["python"],
        npm=data["npm"],
        removed=tuple(data["removed"]),
    )
