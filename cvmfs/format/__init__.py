# SPDX-License-Identifier: BSD-3-Clause
"""What the files of a repository hold: each kind of file, row and name, read and written.

    paths        paths inside a repository, and the MD5 halves that catalogs use as keys
    compression  zlib, or none for what is compressed already
    hashes       content hashes, object names and suffixes
    chunking     where a large file is cut
    entries      one row of a catalog: file, directory, link
    statistics   the 24 counters of a catalog
    xattrs       extended attributes: a row's blob, a local file's
    catalog      one SQLite catalog: its schema, reading and writing rows
    manifest     .cvmfspublished, signed with the repository key
    whitelist    .cvmfswhitelist, signed with the master key
    keys         master key, repository key, certificate
    metainfo     what a repository says of itself
    history      the database of tags: revisions that can be found again
    variables    symlinks with variables

A new kind of file is a module here and a rule in `checking`.
"""
