# SPDX-License-Identifier: BSD-3-Clause
"""Where a repository's files are kept; each kind of place is one file with one class of the same shape.

    storage      what every kind of place can do
    local        a directory of this machine
    s3           a bucket, by boto3
    trouble      what the system says of a folder that cannot be written, in words
    places       the storage at an address

Adding a kind: a file here, a line in `places`.
"""
