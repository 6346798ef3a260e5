# SPDX-License-Identifier: BSD-3-Clause
"""A file tree becomes a genuine CVMFS repository, without root, daemon or kernel module.

The map, from the bottom up. Every rule of the format is stated where it is enforced, with the file of the
public cvmfs/cvmfs sources that it was read from.

    errors         the situations a caller may tell apart
    paths          paths inside a repository, and the MD5 halves that catalogs use as keys
    hashes         content hashes, object names and suffixes
    compression    zlib, or none for what is compressed already
    chunking       where a large file is cut
    storage/       places where files are kept, all of one shape
    objects        content-addressed objects in a storage: what is written
    transfer       one HTTP request, bounded in time and in size
    routes         several servers and proxies, and which of them to use now
    fetch          objects and signed files by directory or HTTP: what is read
    cache          objects that were fetched before, verified again, up to a quota
    remembered     the newest revision that was seen, over restarts and without a server
    ahead          fetching in the background what will be wanted next
    contents       contents of objects at hand, for reading parts of them
    xattrs         extended attributes: a row's blob, a local file's
    owners         whose files are in the repository
    entries        one row of a catalog: file, directory, link
    statistics     the 24 counters of a catalog
    catalog        one SQLite catalog: its schema, reading and writing rows
    catalog_set    the catalogs that a transaction has open, and what goes into which
    dirtab         patterns of directories that become nested catalogs
    splitting      catalogs that grew too large, and small ones
    local_tree     a local folder read as entries
    ingest         file contents into objects, in a pool of threads
    keys           master key, repository key, certificate
    manifest       .cvmfspublished, signed with the repository key
    metainfo       what a repository says of itself
    whitelist      .cvmfswhitelist, signed with the master key
    history        the database of tags: revisions that can be found again
    snapshots      the tree of one revision, by number, tag or date
    difference     what differs between two trees
    revisions      the log: what was published, its names, how much it grew
    graft          a tree of an older revision or another place, taken over without its contents
    reflog         everything that was published and not yet collected
    lease          one publisher at a time, on whatever machine
    repository     create and open; re-sign the whitelist
    rotation       a new repository key, while the old one still counts
    describe       who looks after a repository: published and read
    publish        one transaction: the old revision or the new one
    rollback       back to an older revision: everything, or one path
    tagging        named snapshots
    retention      which revisions are kept: rules over tags
    collect        what no kept revision reaches is removed
    reader         read and verify from the public key upward
    pull           what a replica lacks, over several connections
    replicate      a Stratum 1: made, updated, taken up where it was broken off
    catalog_rules  what holds for one catalog as a database
    seen           a set of objects that may be larger than memory
    check          every rule of the format, over everything
    mirrors        several servers of one repository held against each other
    server_info    what a web server says of itself: its repositories, its contact
    gateway/       a repository gateway as its publishers see it
    backends/      ways to publish, of one shape: our own writer, the programs of a facility
    serve          an HTTP server for demonstrations and tests
    variables      symlinks with variables
    attributes     what a mount says by extended attributes
    follow         following new revisions in the background
    filesystem     the FUSE operations, read-only
    mount          the mount process, and starting and stopping it

A caller needs `keys`, `repository`, `publish`, `reader`, `check`, `serve` and `mount`.
"""
