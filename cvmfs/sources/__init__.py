# SPDX-License-Identifier: BSD-3-Clause
"""Where a repository is read from: a folder, or servers and proxies; nothing is verified here.

    transfer  one HTTP request, bounded in time and in size
    routes    several servers and proxies, and which of them to use now
    fetch     objects and signed files by directory or HTTP: what is read

`fetch.source_of` gives the source at an address.
"""
