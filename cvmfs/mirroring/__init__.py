# SPDX-License-Identifier: BSD-3-Clause
"""Servers of a repository: replicas (Stratum 1), web serving, several held against each other.

    pull         what a replica lacks, over several connections
    replicate    a Stratum 1: made, updated, taken up where it was broken off
    mirrors      several servers of one repository held against each other
    serve        an HTTP server for demonstrations and tests
    server_info  what a web server says of itself: its repositories, its contact

A caller begins with `replicate.replicate`, `mirrors.look` and `serve.serve`.
"""
