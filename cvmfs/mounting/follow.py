# SPDX-License-Identifier: BSD-3-Clause
"""Following a repository: a thread of its own looks for new revisions, so that nobody waits for a server.

A revision is followed once its root catalog is here and verified. When a new manifest does not verify, or no
server answers, the revision at hand stays; the log says so once, not at every look. Where a tag is followed,
the revision is the one that has the tag in the newest manifest: it stays until the tag is moved.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from core.errors import UserError
from cvmfs.format.history import tags_of
from cvmfs.reading.contents import Contents
from cvmfs.reading.reader import Reader
from cvmfs.reading.snapshots import find, reader_at

log = logging.getLogger(__name__)


class Follower:
    """Looks for new revisions every `every_s` seconds, from when it is started until it is stopped.

    With `tag`, which may be a number or a date as well, they are those that this leads to; it raises
    NotFound where it leads to none.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        clock: Callable[[], datetime],
        every_s: float,
        tag: str | None = None,
    ) -> None:
        contents = Contents(reader.location.source, reader.location.contents.cache)
        location = replace(reader.location, contents=contents)
        self._newest = Reader(location, reader.manifest, reader.whitelist, reader.signed)
        self._tag = tag
        self._latest = self._followed()
        self._clock = clock
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)
        self._looked_at = time.monotonic()
        self._trouble = ""

    @property
    def next_look_s(self) -> float:
        """Return the seconds until the next look."""
        return max(self._looked_at + self._every_s - time.monotonic(), 0.0)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a look that has begun is not waited for."""
        self._stopped.set()

    def newer_than(self, reader: Reader) -> Reader | None:
        """Return a reader of the newest revision, for the thread of the given one; None if that is it."""
        latest = self._latest
        if latest.manifest is reader.manifest:
            return None
        return Reader(reader.location, latest.manifest, latest.whitelist, latest.signed)

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            self._looked_at = time.monotonic()
            try:
                self._look()
            except UserError as err:
                level = logging.DEBUG if self._trouble == err.message else logging.WARNING
                log.log(level, "staying at revision %d: %s", self._latest.revision, err)
                self._trouble = err.message
            else:
                self._trouble = ""

    def _look(self) -> None:
        newest = self._newest.refreshed(at=self._clock())
        if newest is self._newest:
            return
        before, self._newest = self._newest, newest
        try:
            followed = self._followed()
            if self._tag is not None and followed.root_hash == self._latest.root_hash:
                return
            followed.catalog_with("")  # here before anybody needs it, or not followed
        except UserError:
            self._newest = before  # the next look tries again
            raise
        followed.forget()
        self._latest = followed
        log.info("revision %d of %s is here", followed.revision, followed.fqrn)

    def _followed(self) -> Reader:
        if self._tag is None:
            return self._newest
        tags = tags_of(self._newest)
        return reader_at(self._newest, find(tags, self._tag, fqrn=self._newest.fqrn))
