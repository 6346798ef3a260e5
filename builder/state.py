# SPDX-License-Identifier: BSD-3-Clause
"""Where run state lives below the state folder. Only this module knows the names in it.

site.yaml                  where else inputs are asked for (builder.inputs.site)
inputs/                    the input cache, named by content
apt/                       a private apt state, for locking
bases/<base lock id>/      root/ (unpacked), base.squashfs, base.json, contents.json
images/<plan id>/          <name>.sif, plan.json, image.json, build.log, tests.json, junit.xml,
                           tests/, contents.json, sbom.spdx.json, sbom.cdx.json
logs/<plan id>.log         how a build failed, until it succeeds
kept/<plan id>/            the sandbox of a build, where that was asked for
plans.json                 what `pansoft plan` found the last time
signed/<plan id>/          the signed copy and what goes beside it
proofs/<plan id>.json      which tests fail without the program, as `pansoft test --prove` saw it
trees/<plan id>/           the signed tree: root/, <name>.mtree and what goes beside it
decisions/                 waiting/ to be published; seen/: the last head of each log
keys/                      private keys: never leaves this machine
downloads/<name>/          the files of a licence holder, for recipes with `install: site`
repository/                the embedded CVMFS repository
publishing/                what is on its way into a repository or a replica in a bucket
slurm/                     what was submitted to a cluster, until it is told of
report/                    report.html and report.json of the last `pansoft apply`; timeline.html and
                           metrics.txt of the last `pansoft report`
events/                    events.jsonl: what each stage of each run did; events.1.jsonl: before that
journal/                   journal.jsonl: who published what, of which commit; only ever appended to
scratch/                   builds in progress; what a killed build left is removed by the next
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from builder.stages import PlanId


@dataclass(frozen=True, slots=True)
class State:
    """The state folder and the places in it.

    Where `folder` is shared by several machines, `local` is a folder on this one's own disk, for
    what holds files of subordinate users and overlays: builds in progress and unpacked bases.
    `own_repository` is the name of a repository that this state has to itself, whatever the site's file says
    of repositories; None is the usual one.
    """

    folder: Path
    local: Path | None = None
    own_repository: str | None = None

    @property
    def own(self) -> Path:
        """Return the folder of what is not shared with other machines."""
        return self.local or self.folder

    @property
    def inputs(self) -> Path:
        """Return the input cache."""
        return self.folder / "inputs"

    @property
    def apt(self) -> Path:
        """Return the private apt state."""
        return self.folder / "apt"

    @property
    def scratch(self) -> Path:
        """Return the folder of builds in progress."""
        return self.own / "scratch"

    @property
    def plans(self) -> Path:
        """Return the file of what `pansoft plan` found the last time."""
        return self.folder / "plans.json"

    @property
    def report(self) -> Path:
        """Return the folder of what the last `pansoft apply` leaves to read."""
        return self.folder / "report"

    @property
    def events(self) -> Path:
        """Return the log of what each stage of each run did."""
        return self.folder / "events" / "events.jsonl"

    @property
    def keys(self) -> Path:
        """Return the folder of private keys."""
        return self.folder / "keys"

    def downloads(self, name: str) -> Path:
        """Return the folder of what a licence holder has downloaded for a recipe."""
        return self.folder / "downloads" / name

    @property
    def repository(self) -> Path:
        """Return the embedded repository's storage."""
        return self.folder / "repository"

    @property
    def publishing(self) -> Path:
        """Return the folder of unfinished files of a repository that is not in a folder."""
        return self.folder / "publishing" / "scratch"

    def replicating(self, fqrn: str) -> Path:
        """Return the folder of unfinished files of a replica that is not in a folder."""
        return self.folder / "publishing" / "replicas" / fqrn / "scratch"

    @property
    def locks(self) -> Path:
        """Return the folder of lock files between processes."""
        return self.folder / "locks"

    @property
    def slurm(self) -> Path:
        """Return the folder of what was submitted to a cluster."""
        return self.folder / "slurm"

    @property
    def applying(self) -> Path:
        """Return the lock of who makes the repository equal to git."""
        return self.locks / "apply"

    @property
    def journal(self) -> Path:
        """Return the journal of what was published."""
        return self.folder / "journal" / "journal.jsonl"

    @property
    def in_use(self) -> Path:
        """Return the lock that everybody shares who uses inputs, bases or images."""
        return self.locks / "in-use"

    @property
    def logs(self) -> Path:
        """Return the folder of the logs of failed builds."""
        return self.folder / "logs"

    def kept(self, plan: str) -> Path:
        """Return the folder of a sandbox that was kept."""
        return self.own / "kept" / plan

    def base(self, base_lock_id: str) -> Path:
        """Return the folder of a built base."""
        return self.own / "bases" / base_lock_id

    def base_lock(self, base_lock_id: str) -> Path:
        """Return the lock of who makes a base; machines with bases of their own do not wait for others."""
        return self.own / "locks" / f"base-{base_lock_id}"

    def image(self, plan: PlanId) -> Path:
        """Return the folder of a built image."""
        return self.folder / "images" / plan

    def proof(self, plan: PlanId) -> Path:
        """Return the file that says which of an image's tests fail without its program."""
        return self.folder / "proofs" / f"{plan}.json"

    def failed_log(self, plan: str) -> Path:
        """Return the log of a plan's last failed build."""
        return self.logs / f"{plan}.log"

    @property
    def decisions(self) -> Path:
        """Return the folder of decisions that are not published yet."""
        return self.folder / "decisions" / "waiting"

    @property
    def seen_logs(self) -> Path:
        """Return the folder of the last head of each decision log that was seen."""
        return self.folder / "decisions" / "seen"

    def signed(self, plan: PlanId) -> Path:
        """Return the folder of a signed image."""
        return self.folder / "signed" / plan

    def tree(self, plan: PlanId) -> Path:
        """Return the folder of a signed tree."""
        return self.folder / "trees" / plan
