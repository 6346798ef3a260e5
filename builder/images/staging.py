# SPDX-License-Identifier: BSD-3-Clause
"""What the sandbox finds of a package's plan, as `builder/images/scripts/inside.sh` reads it.

- `debian`, `tools`: `name=version` lines; the .debs are an archive beside the stage
- `wheels/`, `requirements.txt`: wheels by file name, and their hashes
- `sdists.list`: lines of name, version and file name; `sdists/<name>/` the sdist and, in `requires/`, the
  wheels that its build takes, with their hashes in `sdist-<name>.txt`
- `node.list`: lines of folder and archive; `node-commands`: lines of command and file; `node/` archives
- `sources/`, `sources.sha256`: archives for the script by file name, and their hashes
- `files/`: the recipe's own files; `script.sh`: its script
"""

from __future__ import annotations

from collections.abc import Iterable

from builder.images.container_files import package_container_files
from builder.images.failure import traced
from builder.images.plan import BuildPlan
from builder.images.sandbox import Stage, names_of, requirements_of, shell_values, wheel_links


def package_stage(plan: BuildPlan) -> Stage:
    """Return what the sandbox finds of this plan."""
    own = {f"files/{item.target.lstrip('/')}": (item.content, item.mode) for item in plan.files}
    return Stage(
        texts={
            "values.sh": shell_values({"NAME": plan.name}),
            "debian": names_of([(item.name, item.version) for item in plan.debian]),
            "tools": names_of([(item.name, item.version) for item in plan.tools]),
            "requirements.txt": requirements_of(plan.python),
            "sdists.list": _lines((item.name, item.version, item.filename) for item in plan.sdists),
            **{f"sdist-{item.name}.txt": requirements_of(item.requires) for item in plan.sdists},
            "node.list": _lines((item.folder, item.sha256) for item in plan.node),
            "node-commands": _lines(
                (name, f"{item.folder}/{file}")
                for item in plan.node
                for name, file in item.commands
            ),
            "sources.sha256": "".join(f"{item.sha256}  {item.filename}\n" for item in plan.sources),
            "script.sh": traced(plan.script) if plan.script else "",
        },
        files={**own, **package_container_files(plan)},
        links=_links(plan),
    )


def _links(plan: BuildPlan) -> dict[str, str]:
    """Return the names under which the sandbox finds inputs, with their sha256."""
    links = dict(wheel_links(plan.python))
    links |= {f"sources/{source.filename}": source.sha256 for source in plan.sources}
    links |= {f"node/{item.sha256}": item.sha256 for item in plan.node}
    for sdist in plan.sdists:
        links[f"sdists/{sdist.name}/{sdist.filename}"] = sdist.sha256
        for wheel in sdist.requires:
            links[f"sdists/{sdist.name}/requires/{wheel.filename}"] = wheel.sha256
    return links


def _lines(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"{' '.join(row)}\n" for row in rows)
