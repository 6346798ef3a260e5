# SPDX-License-Identifier: BSD-3-Clause
"""What is published, used as a partner uses it: fetched, mounted, verified, run.

The canary is a client. It knows the address and the public key of a repository, and has a checkout for the
recipes and their tests. It begins with an empty cache, so every byte comes the way that a partner's bytes
come. What is new since a named snapshot is looked at: the name is where the last canary that ended well left
it, so what one that failed has seen is seen again.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from builder import sign
from builder.images.build_user import BuildUser
from builder.recipes.folders import name_of, recipe_folders
from builder.recipes.load import read_recipe
from builder.recipes.recipe import Recipe
from builder.stages import Image, TestOutcome, TestReport
from builder.state import State
from builder.testing.run import test_image
from catalog.entry import CatalogEntry
from core import process
from core.console import Console
from core.errors import UserError
from cvmfs.errors import Unreachable
from cvmfs.format.history import Tag, tags_of
from cvmfs.mounting.mount import mounted
from cvmfs.reading.reader import Reader, open_reader
from cvmfs.reading.snapshots import find, reader_at
from pansoft import published, trees
from pansoft.consent import consent_in
from pansoft.witness import witnessed
from trust.evidence import Waiver
from trust.keys import LOCAL_NAME, list_published
from trust.policy import Audience, TrustPolicy, load_policy
from trust.trees.tree_check import WHOLE

POLL_S = 5.0
_LOCAL_KEY = f"keys/{LOCAL_NAME}.asc"


@dataclass(frozen=True, slots=True)
class Client:
    """How the repository is read: where it is, its name and public key, and the folder of this client.

    The folder is emptied when it is used. `proxies` are as `CVMFS_HTTP_PROXY` has them.
    """

    source: str | Path
    fqrn: str
    public_key: Path
    folder: Path
    proxies: str = ""

    def opened(self, *, at: datetime) -> Reader:
        """Return a reader of the newest revision, past every cache of this machine."""
        return open_reader(self.source, self.fqrn, self.public_key, at=at, proxies=self.proxies)


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of a package: why it is not believed, how its tests went, or why none were run.

    `verify_seconds` is what it took to fetch and verify it.
    """

    name: str
    version: str
    verify_seconds: float
    refused: str | None = None
    report: TestReport | None = None
    untested: str | None = None

    @property
    def title(self) -> str:
        """Return name and version."""
        return f"{self.name} {self.version}"

    @property
    def is_well(self) -> bool:
        """Return whether it is believed and no test of it failed; one that cannot be run here has not."""
        results = self.report.results if self.report else ()
        return self.refused is None and TestOutcome.FAILED not in {r.outcome for r in results}


@dataclass(frozen=True, slots=True)
class Canary:
    """What a client saw of a revision.

    `since` is the revision after which things count as new, None where all of them do; `left` are packages
    that are new as well and were not looked at.
    """

    fqrn: str
    revision: int
    since: int | None
    looked: tuple[Looked, ...]
    left: tuple[CatalogEntry, ...] = ()

    @property
    def is_well(self) -> bool:
        """Return whether everything that was looked at is well."""
        return all(each.is_well for each in self.looked)


def look(
    client: Client,
    project: Path,
    *,
    revision: int | None,
    since: str,
    most: int,
    wait_s: float,
    user: BuildUser,
    console: Console,
    now: Callable[[], datetime],
    poll_s: float = POLL_S,
) -> Canary:
    """Return what a client sees of a revision and of the packages that are new in it.

    Args:
        client: how it reads.
        project: the checkout with the recipes, whose tests are run.
        revision: the number of the one to look at; the newest where it is left out.
        since: the name of a revision; what is there too is not new. Where there is no such name all is new.
        most: how many packages are looked at, those that were published last.
        wait_s: seconds to wait for the revision.
        user: who runs the tests.
        console: whom to tell how far it is.
        now: the clock.
        poll_s: seconds between two looks for the revision.

    Raises:
        UserError: the revision does not arrive, or nothing can be mounted here.
        Refused: what arrives is not signed by the key, or is damaged.
    """
    with _arrived(client, revision or 0, wait_s, poll_s, console=console, now=now) as newest:
        tags = tags_of(newest)
        here = newest if revision is None else _at(newest, tags, str(revision))
        before = next((tag for tag in tags if tag.name == since), None)
        fresh = _fresh(here, None if before is None else reader_at(newest, before))
    number = here.revision
    chosen = sorted(fresh, key=lambda entry: (entry.since, entry.name), reverse=True)
    said = "1 package is" if len(fresh) == 1 else f"{len(fresh)} packages are"
    console.say(f"revision {number} is here: {said} new in it")
    looked: list[Looked] = []
    if chosen:
        with _mounted(client, number) as mount:
            seen = _Seen(client, mount, project, user, console, _policy(client, mount))
            looked = [seen.look(entry, at=now()) for entry in chosen[:most]]
    return Canary(
        client.fqrn,
        number,
        before.revision if before else None,
        tuple(looked),
        tuple(chosen[most:]),
    )


def _arrived(
    client: Client,
    revision: int,
    wait_s: float,
    poll_s: float,
    *,
    console: Console,
    now: Callable[[], datetime],
) -> Reader:
    """Return a reader once the revision is there; what does not verify is no reason to wait."""
    deadline = time.monotonic() + wait_s
    told = ""
    while True:
        try:
            reader = client.opened(at=now())
        except Unreachable as err:
            seen = err.message
        else:
            if reader.revision >= revision:
                return reader
            seen = f"{client.source} has revision {reader.revision}"
            reader.close()
        left_s = deadline - time.monotonic()
        wanted = f"revision {revision}" if revision else "a revision"
        if left_s <= 0:
            raise UserError(
                f"{wanted} of {client.fqrn} did not arrive within {wait_s:.0f} s: {seen}",
                hint="look at the web server and the caches before it; at mirrors: pansoft repo status",
            )
        if seen != told:
            console.say(f"waiting for {wanted}, {left_s:.0f} s at most: {seen}")
            told = seen
        time.sleep(min(poll_s, left_s))


def _at(newest: Reader, tags: Sequence[Tag], revision: str) -> Reader:
    return reader_at(newest, find(tags, revision, fqrn=newest.fqrn))


def _fresh(here: Reader, before: Reader | None) -> list[CatalogEntry]:
    """Return the versions of a revision that are not in an earlier one as they are now, nor retired."""
    known = set(published.entries_of(before)) if before is not None else set()
    retired = {item.key for item in published.retired_of(here)}
    return [
        entry
        for entry in published.entries_of(here)
        if entry not in known and (entry.name, entry.version) not in retired
    ]


@contextmanager
def _mounted(client: Client, revision: int) -> Iterator[Path]:
    """Mount a revision with a cold cache for the time of the block and give the mountpoint.

    It is not in the checkout: a runner that cleans up after a canary that was killed would come upon it.
    """
    process.run(["rm", "-rf", client.folder], reason="begin with a cold client")
    client.folder.mkdir(parents=True)
    cache = client.folder / "cache"
    with (
        tempfile.TemporaryDirectory(prefix="pansoft-canary-", ignore_cleanup_errors=True) as place,
        mounted(
            client.source,
            client.fqrn,
            client.public_key,
            Path(place) / client.fqrn,
            cache=None if isinstance(client.source, Path) else cache,
            log_file=_log(client),
            proxies=client.proxies,
            tag=str(revision),
        ) as mount,
    ):
        yield mount
    process.run(["rm", "-rf", cache], reason="make room")


def _log(client: Client) -> Path:
    return client.folder / "mount.log"


def _policy(client: Client, mount: Path) -> TrustPolicy:
    """Return the published policy; of a local repository with the key that its publisher made itself.

    That one is on no list of the policy, and counts for repositories that nobody else reads.
    """
    folder = mount / "trust"
    policy, key = load_policy(folder), folder / _LOCAL_KEY
    if policy.audience_of(client.fqrn) is not Audience.LOCAL or not key.is_file():
        return policy
    return load_policy(folder, local=list_published(client.folder / "trust-policy", key))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A mounted revision, and what it takes to look at a package of it."""

    client: Client
    mount: Path
    project: Path
    user: BuildUser
    console: Console
    policy: TrustPolicy

    def look(self, entry: CatalogEntry, *, at: datetime) -> Looked:
        """Return what became of a package; nothing of one that is not believed is run."""
        began = time.monotonic()
        image = refused = None
        self.console.status(f"verifying {entry.name} {entry.version}")
        try:
            image = self._verified(entry, at=at)
        except UserError as err:
            refused = err.message
        except OSError as err:  # what a mount says of bytes that are not those which were published
            refused = f"it cannot be read: {err.strerror}{self._said()}"
        took = round(time.monotonic() - began, 3)
        looked = Looked(entry.name, entry.version, took, refused)
        return looked if image is None else self._tested(looked, image)

    def _verified(self, entry: CatalogEntry, *, at: datetime) -> Image:
        """Return what Apptainer starts, once the signature, the bytes and the policy say yes."""
        folder = self.mount / entry.folder
        waivers: tuple[Waiver, ...] = consent_in(self.mount / "trust", self.policy, at=at).waivers
        if entry.has_image:
            signed, _ = sign.verify(
                folder,
                policy=self.policy,
                at=at,
                witnessed=witnessed(folder),
                waivers=waivers,
                repository=self.client.fqrn,
            )
            return signed.image
        tree = trees.verify(folder, policy=self.policy, at=at, part=WHOLE, waivers=waivers).tree
        return Image(
            plan=tree.plan,
            name=tree.name,
            version=tree.version,
            base=entry.base,
            path=tree.root,
            sha256=tree.sha256,
            size=entry.size,
            delta_size=0,
        )

    def _tested(self, looked: Looked, image: Image) -> Looked:
        recipe = _recipe(self.project, looked.name, looked.version)
        if recipe is None:
            return replace(looked, untested="the checkout has no recipe of this version")
        report = test_image(
            recipe, image, State(self.client.folder), user=self.user, console=self.console
        )
        return replace(looked, report=report)

    def _said(self) -> str:
        """Return the last thing that the mount complained of, if there is one."""
        lines = _log(self.client).read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line for line in lines if " WARNING: " in line or " ERROR: " in line]
        return f"; the mount says: {said[-1].partition(': ')[2]}" if said else ""


def _recipe(project: Path, name: str, version: str) -> Recipe | None:
    """Return the recipe of a version, the current one or one that is kept."""
    for folder in recipe_folders(project):
        if name_of(folder) == name:
            recipe = read_recipe(folder).recipe
            if recipe is not None and recipe.version == version:
                return recipe
    return None
