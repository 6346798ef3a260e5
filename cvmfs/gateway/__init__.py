# SPDX-License-Identifier: BSD-3-Clause
"""A repository gateway as its publishers see it (public sources: `gateway/`, `cvmfs/receiver/`).

A publisher leases a path, sends objects in packs, and commits: the gateway's receiver then holds the
publisher's old root catalog against the new one, takes what differs below the leased path into the
repository's current catalogs, and signs. So a publisher holds no key of the repository, only a secret that
the gateway knows.

    key            who we are for the gateway
    object_pack    many objects in one request
    api            leases, payloads and commits over HTTP
    storage        a storage whose objects leave in packs
    stratum0       what is in the repository already, asked at its web server
"""
