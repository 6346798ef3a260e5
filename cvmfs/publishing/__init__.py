# SPDX-License-Identifier: BSD-3-Clause
"""Changing a repository: one transaction at a time, the old revision or the new one.

    objects      content-addressed objects in a storage: what is written
    ingest       file contents into objects, in a pool of threads
    local_tree   a local folder read as entries
    owners       whose files are in the repository
    catalog_set  the catalogs that a transaction has open, and what goes into which
    dirtab       patterns of directories that become nested catalogs
    splitting    catalogs that grew too large, and small ones
    graft        a tree of an older revision or another place, taken over without its contents
    reflog       everything that was published and not yet collected
    lease        one publisher at a time, on whatever machine
    repository   create and open; re-sign the whitelist
    rotation     a new repository key, while the old one still counts
    describe     who looks after a repository: published and read
    publish      one transaction: the old revision or the new one
    rollback     back to an older revision: everything, or one path
    tagging      named snapshots
    server_status  when a repository was last collected or a replica updated
    revisions    the log: what was published, its names, how much it grew

A caller begins with `repository.open_repository` and `publish.transaction`.
"""
