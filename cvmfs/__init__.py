# SPDX-License-Identifier: BSD-3-Clause
"""A file tree becomes a genuine CVMFS repository, without root, daemon or kernel module.

The map, from the bottom up; a folder uses those above it. Every rule of the format is stated where it is
enforced, with the file of the public cvmfs/cvmfs sources that it was read from.

    errors        the situations a caller may tell apart
    format/       what the files of a repository hold
    sources/      where a repository is read from: folders, servers, proxies
    storage/      where a repository's files are kept: a folder, a bucket
    reading/      read and verified from the master public key upward
    publishing/   transactions, the lease, tags, older revisions brought back
    checking/     every rule of the format, over everything
    keeping/      which revisions are kept, and garbage collection
    mounting/     the FUSE mount
    mirroring/    replicas, web serving, the state of several servers
    gateway/      a repository gateway as its publishers see it
    backends/     ways to publish, of one shape: our own writer, the programs of a facility

A caller begins with `format.keys`, `publishing.repository`, `publishing.publish`, `reading.reader` and
`checking.check`.
"""
