# SPDX-License-Identifier: BSD-3-Clause
"""A repository in an S3 bucket; the one module that knows boto3.

An object has its name when the server has all of it, and is durable then. Control files are swapped by
conditional writes (`If-None-Match`, `If-Match`), which Amazon, Ceph, MinIO and others know; a server that
ignores them cannot keep two publishers apart, so it is refused when a repository is made.

Credentials come from where other programs have theirs (environment, `~/.aws`, the machine's role), never from
us, and no message names them.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as NotConnected

from core.errors import UserError
from cvmfs.errors import NotFound, RepositoryError, Unreachable
from cvmfs.storage.storage import StoredFile

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

log = logging.getLogger(__name__)

SCHEME = "s3"

_PARALLEL_PUTS = 16
_ATTEMPTS = 8
_CONNECT_S = 10
_READ_S = 60
_LARGE = 64 << 20
_PART = 16 << 20
_REMOVED_AT_ONCE = 1000
_UNFINISHED_FOR = timedelta(days=1)

_MISSING = {"404", "NoSuchKey", "NotFound"}
_NOT_AS_IT_WAS = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}
_UNKNOWN_HERE = {"501", "NotImplemented"}
_DENIED = {
    "401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken",
    "ExpiredToken", "AuthorizationHeaderMalformed", "TokenRefreshRequired", "AccountProblem",
}  # fmt: skip
_OUR_CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}

_SHORT_AGE = "max-age=61"
_FOR_EVER = "max-age=31536000, immutable"


class AccessDenied(RepositoryError):
    """The S3 server does not let us do what we asked for."""


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where in which bucket: `s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-central-1`."""

    bucket: str
    prefix: str
    endpoint: str | None = None
    region: str | None = None

    def __str__(self) -> str:
        """Return the address without its options."""
        return f"{SCHEME}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def parse_place(location: str) -> S3Place:
    """Return the place that an address names.

    Raises:
        RepositoryError: it is not such an address.
    """
    url = urlsplit(location)
    options = parse_qs(url.query)
    strange = sorted(options.keys() - {"endpoint", "region"})
    if url.scheme != SCHEME or not url.netloc or "@" in url.netloc or strange:
        raise RepositoryError(
            f"{location.partition('?')[0]!r} is not the address of a bucket"
            + (f": nobody knows {', '.join(strange)}" if strange else ""),
            hint="write s3://bucket/prefix, with ?endpoint=https://… and &region=… where they are needed; "
            "credentials come from the environment or ~/.aws",
        )
    return S3Place(
        url.netloc,
        url.path.strip("/"),
        options.get("endpoint", [None])[0],
        options.get("region", [None])[0],
    )


class S3Storage:
    """Files below a prefix of a bucket."""

    def __init__(self, place: S3Place) -> None:
        for name in ("boto3", "botocore", "s3transfer"):  # what they say at debug holds signatures
            logging.getLogger(name).setLevel(logging.WARNING)
        self._place = place
        self._client = _client(place)
        self._known = _Known()
        self._is_tidied = False

    def __repr__(self) -> str:
        """Return what it is, for tests."""
        return f"S3Storage({str(self._place)!r})"

    @property
    def folder(self) -> Path | None:
        """Return None: the files are elsewhere."""
        return None

    @property
    def parallel_puts(self) -> int:
        """Return how many objects are sent at once: most of the time is waiting."""
        return _PARALLEL_PUTS

    def describe(self, path: str) -> str:
        """Return the file's address."""
        return f"{self._place}/{path}"

    def get(self, path: str) -> bytes:
        """Return a file's bytes; an answer that breaks off is asked for again."""
        return self._get(path)[0]

    def size(self, path: str) -> int | None:
        """Return how many bytes a file has, or None where there is none.

        Objects share the first two digits of their names with 255 others of 65536. Each such group is asked
        for one by one until that has cost as many requests as listing it, and then listed: whatever comes, no
        more than twice the requests that were needed.
        """
        shard = path[: path.rfind("/") + 1]
        if shard and self._known.is_worth_listing(shard):
            self._list(shard)
        if self._known.has(shard):
            return self._known.size(shard, path)
        try:
            with self._explained(path):
                answer = self._client.head_object(Bucket=self._place.bucket, Key=self._key(path))
        except NotFound:
            return None
        return answer["ContentLength"]

    def prepare(self) -> None:
        """See that the bucket is there and knows conditional writes.

        Raises:
            RepositoryError: it is not, or does not.
        """
        probe = f".publish.probe.{secrets.token_hex(8)}"
        was_first = self._put_if(probe, b"1", {"IfNoneMatch": "*"})
        is_kept = not self._put_if(probe, b"2", {"IfNoneMatch": "*"})
        is_compared = not self._put_if(
            probe, b"3", {"IfMatch": '"00000000000000000000000000000000"'}
        )
        self.remove([probe])
        if not (was_first and is_kept and is_compared):
            raise RepositoryError(
                f"the server of {self._place} does not know conditional writes (If-None-Match, If-Match)",
                hint="without them two publishers could overwrite each other: use a newer server, or keep "
                "the repository in a folder",
            )

    def put(self, path: str, content: bytes) -> None:
        """Put an object, whole or not at all."""
        if len(content) >= _LARGE:
            with self._explained(path):
                self._client.upload_fileobj(
                    BytesIO(content),
                    self._place.bucket,
                    self._key(path),
                    ExtraArgs=dict(_headers(path)),
                    Config=_IN_PARTS,
                )
        else:
            self._put(path, content)
        self._known.add(path, len(content))

    def put_file(self, path: str, file: Path) -> None:
        """Put an object that is in a scratch file."""
        size = file.stat().st_size
        if size < _LARGE:
            self._put(path, file.read_bytes())
        else:
            with self._explained(path):
                self._client.upload_file(
                    str(file),
                    self._place.bucket,
                    self._key(path),
                    ExtraArgs=dict(_headers(path)),
                    Config=_IN_PARTS,
                )
        self._known.add(path, size)
        file.unlink()

    def make_durable(self) -> None:
        """Do nothing: what the server took is durable."""

    def discard(self) -> None:
        """Forget what was seen of others' objects, and abort uploads that nobody goes on with."""
        self._known.clear()
        if self._is_tidied:
            return
        self._is_tidied = True
        with suppress(AccessDenied):  # housekeeping: not everybody may
            self._abort_old_uploads()

    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        """Replace a control file by a write that the server refuses when somebody was quicker."""
        if old is None:
            condition = {"IfNoneMatch": "*"}
        else:
            try:
                found, tag = self._get(path)
            except NotFound:
                return False
            if found != old:
                return False
            condition = {"IfMatch": tag}
        if self._put_if(path, new, condition):
            return True
        # The answer to a write that succeeded may have been lost; sent again, it found its own bytes.
        try:
            return self.get(path) == new
        except NotFound:
            return False

    def replace(self, path: str, content: bytes) -> None:
        """Replace a control file."""
        self._put(path, content)

    def files(self, prefix: str) -> Iterator[StoredFile]:
        """Return the files whose path begins with `prefix`."""
        for page in self._pages(prefix):
            yield from page

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, a thousand with each request."""
        all_paths = list(paths)
        for start in range(0, len(all_paths), _REMOVED_AT_ONCE):
            some = all_paths[start : start + _REMOVED_AT_ONCE]
            with self._explained(some[0]):
                answer = self._client.delete_objects(
                    Bucket=self._place.bucket,
                    Delete={"Objects": [{"Key": self._key(path)} for path in some], "Quiet": True},
                )
            for path in some:
                self._known.drop(path)
            for failed in answer.get("Errors", []):
                raise RepositoryError(
                    f"{SCHEME}://{self._place.bucket}/{failed.get('Key')} cannot be removed: "
                    f"{failed.get('Code')}",
                    hint="may these credentials delete there?",
                )

    def close(self) -> None:
        """Close connections; the next request opens others."""
        self._client.close()

    def _key(self, path: str) -> str:
        return f"{self._place.prefix}/{path}" if self._place.prefix else path

    def _get(self, path: str) -> tuple[bytes, str]:
        """Return a file's bytes and its tag."""
        last: Exception | None = None
        for _ in range(_ATTEMPTS):
            with self._explained(path):
                answer = self._client.get_object(Bucket=self._place.bucket, Key=self._key(path))
                try:
                    return answer["Body"].read(), answer["ETag"]
                except (IncompleteReadError, ResponseStreamingError, HTTPClientError) as err:
                    last = err
                finally:
                    answer["Body"].close()
        raise Unreachable(
            f"{self.describe(path)}: the answer broke off {_ATTEMPTS} times",
            hint="is the network to the server well?",
        ) from last

    def _put(self, path: str, content: bytes, condition: dict[str, str] | None = None) -> None:
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        options: dict[str, Any] = {**_headers(path), **(condition or {})}  # as boto names them
        with self._explained(path):
            self._client.put_object(
                Bucket=self._place.bucket,
                Key=self._key(path),
                Body=content,
                ContentMD5=b64encode(digest).decode(),
                **options,
            )

    def _put_if(self, path: str, content: bytes, condition: dict[str, str]) -> bool:
        """Write under a condition, and return whether it held."""
        try:
            self._put(path, content, condition)
        except _NotAsItWas:
            return False
        return True

    def _list(self, shard: str) -> None:
        sizes: dict[str, int] = {}
        pages = 0
        for page in self._pages(shard):
            pages += 1
            sizes.update((file.path, file.size) for file in page)
        self._known.learn(shard, sizes, pages)

    def _pages(self, prefix: str) -> Iterator[list[StoredFile]]:
        own = len(self._key(""))
        with self._explained(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._place.bucket, Prefix=self._key(prefix)
            )
            for page in pages:
                yield [
                    StoredFile(item["Key"][own:], item["Size"], item["LastModified"].timestamp())
                    for item in page.get("Contents", [])
                ]

    def _abort_old_uploads(self) -> None:
        with self._explained("data/"):
            answer = self._client.list_multipart_uploads(
                Bucket=self._place.bucket, Prefix=self._key("data/")
            )
            for upload in answer.get("Uploads", []):
                if datetime.now(UTC) - upload["Initiated"] > _UNFINISHED_FOR:  # noqa: TID251 - a timer
                    self._client.abort_multipart_upload(
                        Bucket=self._place.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                    )

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        """Turn what boto says into our errors, without what it says of credentials."""
        where = self.describe(path)
        try:
            yield
        except ClientError as err:
            raise self._in_words(err, where) from None
        except S3UploadFailedError as err:
            cause = err.__cause__ or err.__context__
            if isinstance(cause, ClientError):
                raise self._in_words(cause, where) from None
            raise Unreachable(f"cannot send {where}", hint=_NETWORK) from None
        except (NoCredentialsError, PartialCredentialsError) as err:
            raise AccessDenied(
                f"there are no credentials for {self._place}",
                hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws with "
                "AWS_PROFILE",
            ) from err
        except (NotConnected, HTTPClientError) as err:
            raise Unreachable(
                f"the server of {where} does not answer: {type(err).__name__}", hint=_NETWORK
            ) from err
        except BotoCoreError as err:
            raise RepositoryError(
                f"{where} cannot be used: {type(err).__name__}",
                hint="look at ~/.aws/config, and at the endpoint and region of the repository",
            ) from err

    def _in_words(self, err: ClientError, where: str) -> UserError:
        code = str(err.response.get("Error", {}).get("Code", "unknown"))
        status = err.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _MISSING:
            return NotFound(f"{where} is missing")
        if code in _NOT_AS_IT_WAS:
            return _NotAsItWas(f"{where} was changed meanwhile")
        if code in _UNKNOWN_HERE:
            return RepositoryError(
                f"the server of {self._place} does not know what we need of it: {code}",
                hint="it has to know conditional writes (If-None-Match, If-Match): use a newer server",
            )
        if code == "NoSuchBucket":
            return RepositoryError(
                f"there is no bucket {self._place.bucket}"
                + (f" at {self._place.endpoint}" if self._place.endpoint else ""),
                hint="make it first, and set the endpoint where it is not Amazon's",
            )
        if code in _OUR_CLOCK:
            return RepositoryError(
                f"the server of {self._place} refuses us: the clocks differ",
                hint="set the clock right",
            )
        if code in _DENIED or status in (401, 403):
            return AccessDenied(
                f"{where}: the server denies it ({code})",
                hint="are the credentials of the environment or ~/.aws the right ones, and may they list, "
                "read, write and delete there?",
            )
        return Unreachable(
            f"{where}: the server answered {status} {code}, {_ATTEMPTS} times", hint=_NETWORK
        )


class _NotAsItWas(RepositoryError):
    """The condition of a write did not hold."""


_NETWORK = (
    "is the server up, and may this machine reach it? Run it again: what was sent is not sent twice"
)

_IN_PARTS = TransferConfig(
    multipart_threshold=_LARGE, multipart_chunksize=_PART, max_concurrency=4, use_threads=True
)


class _Known:
    """What is known of the objects in a bucket: some groups of them were listed. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: dict[str, dict[str, int]] = {}
        self._asked: Counter[str] = Counter()
        self._pages = 1

    def clear(self) -> None:
        with self._lock:
            self._sizes.clear()
            self._asked.clear()

    def is_worth_listing(self, shard: str) -> bool:
        """Count a question, and return whether so many were asked that listing is cheaper."""
        with self._lock:
            self._asked[shard] += 1
            return shard not in self._sizes and self._asked[shard] > self._pages

    def has(self, shard: str) -> bool:
        with self._lock:
            return shard in self._sizes

    def size(self, shard: str, path: str) -> int | None:
        with self._lock:
            return self._sizes[shard].get(path)

    def learn(self, shard: str, sizes: dict[str, int], pages: int) -> None:
        with self._lock:
            self._sizes[shard] = sizes
            self._pages = max(pages, 1)

    def add(self, path: str, size: int) -> None:
        with self._lock:
            known = self._sizes.get(path[: path.rfind("/") + 1])
            if known is not None:
                known[path] = size

    def drop(self, path: str) -> None:
        with self._lock:
            known = self._sizes.get(path[: path.rfind("/") + 1])
            if known is not None:
                known.pop(path, None)


def _client(place: S3Place) -> S3Client:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_PARALLEL_PUTS + 4,
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        # Servers other than Amazon's know buckets by path, and not all know the newer checksums.
        s3={"addressing_style": "path" if place.endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        return boto3.session.Session().client(
            "s3", endpoint_url=place.endpoint, region_name=place.region, config=config
        )
    except (BotoCoreError, ValueError) as err:
        raise RepositoryError(
            f"{place} cannot be used: {err}",
            hint="look at ~/.aws/config and AWS_PROFILE, and at the endpoint of the repository",
        ) from err


def _headers(path: str) -> dict[str, str]:
    """Return what a web server says of a file: how long caches may keep it, and what it is."""
    if path.startswith(".cvmfs"):
        return {"CacheControl": _SHORT_AGE, "ContentType": "application/x-cvmfs"}
    if path.startswith("data/"):
        return {"CacheControl": _FOR_EVER, "ContentType": "application/octet-stream"}
    return {"CacheControl": "no-store", "ContentType": "application/octet-stream"}
