"""A whole data set of data.gov.sg as a file: asked for, waited for, and fetched by a link that lives for a short time.

`GET /v1/public/api/datasets/{id}/initiate-download`, then `/poll-download` until its `data.url` is there (both answer
`{code: 0, errMsg, data}`), then the link. That leads to another host, so it is looked at before it is followed: only the vendor's
own hosts and its storage (Amazon S3 in Singapore, buckets under data.gov.sg), over https. The key is never sent there.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, SecretStr

from contracts.errors import VendorBusy, VendorRefused
from contracts.findings import RegisterFile, RegisterFileQuery
from contracts.providers import OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.answers import shaped
from worker.providers.file_fetch import FileFetch
from worker.providers.http import VendorClient
from worker.providers.lenient import members
from worker.providers.operation import OneByOne, found, patience
from worker.providers.rules import VendorRules

#: The largest data set is about 100 MB.
MAX_FILE_BYTES = 500_000_000
#: How long a link that is being made is waited for, in seconds, before it is asked for again.
POLL_S = 3.0
PREFIX = "headwater-acra-"
#: A file that nobody fetched away in this time was left by a process that died, in seconds.
LEFT_S = 6 * 3600.0

DOWNLOAD = OperationSpec(
    vendor="acra",
    operation="download",
    answer=RegisterFile,
    terms=Terms.ATTRIBUTION,
    # What a key is not needed for. A download is two requests or more, each at its slot.
    pace=Pace("acra.download", (Window(2, 10.0),), concurrency=2),
    unit="request",
    billable=False,
    keep_s=60.0,
    keep_miss_s=60.0,
    timeout_s=180.0,
)
_BUCKET = re.compile(r"/([a-z0-9-]+\.)*data\.gov\.sg/")
_STORE = re.compile(r"s3[.-]ap-southeast-1\.amazonaws\.com")
_OWN_BUCKET = re.compile(r"([a-z0-9-]+\.)+data\.gov\.sg\.s3[.-]ap-southeast-1\.amazonaws\.com")


class _Link(BaseModel):
    code: int
    data: Annotated[dict[str, Any], BeforeValidator(members)] = {}


class Download(OneByOne[RegisterFileQuery, RegisterFile]):
    """A data set as a CSV file on this machine; whoever asked deletes it. VendorBusy `pending` while it is being made.

    A download that is forbidden (403, seen now and then) is VendorRefused: the same rows can be had page by page.
    """

    def __init__(self, spec: OperationSpec, http: VendorClient, base_url: str, files: FileFetch) -> None:
        super().__init__(spec, http)
        self._base_url = base_url
        self._files = files

    @classmethod
    def build(cls, settings: Settings, rules: VendorRules, key: SecretStr | None) -> Download:
        base_url, timeout_s = settings.data_gov_sg_download_url, patience(settings, DOWNLOAD)
        http = VendorClient(rules, base_url, timeout_s=settings.vendor_timeout_s, key=key)
        files = FileFetch(rules.vendor, timeout_s=timeout_s, max_bytes=MAX_FILE_BYTES)
        return cls(DOWNLOAD, http, base_url, files)

    async def one(self, query: RegisterFileQuery, *, key: str) -> Reply[RegisterFile]:  # noqa: ARG002
        if not re.fullmatch(r"[A-Za-z0-9_-]+", query.dataset):
            raise VendorRefused(
                f"{query.dataset[:50]!r} is no id of a data set: correct ACRA_DATASETS", code="bad_dataset"
            )
        link = await self._link(query.dataset)
        check_link(link, self._base_url)
        path = await asyncio.to_thread(_room)
        try:
            size = await self._files.fetch(link, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return found(RegisterFile(path=str(path), size=size), units=0.0)

    async def close(self) -> None:
        await super().close()
        await self._files.close()

    async def _link(self, dataset: str) -> str:
        for step in ("initiate-download", "poll-download"):
            raw = await self._http.get(f"/v1/public/api/datasets/{dataset}/{step}", {})
            answer = shaped(_Link, raw, self.spec.vendor)
            if answer.code != 0:
                raise VendorRefused(
                    f"acra will not make a file of {dataset} (code {answer.code}): its rows can be had page by page",
                    code="no_download",
                    vendor="acra",
                )
            if isinstance(url := answer.data.get("url"), str) and url:
                return url
        raise VendorBusy(f"acra is still making the file of {dataset}", after_s=POLL_S, code="pending", vendor="acra")


def check_link(link: str, base_url: str) -> None:
    """Raises VendorRefused (`vendor_moved`) for a link that leads to none of the vendor's hosts; its text is not repeated."""
    try:
        to, ours = urlsplit(link), urlsplit(base_url)
        host, port = to.hostname or "", to.port
    except ValueError:
        host, port, to = "", None, urlsplit("")
    if to.scheme == "https" and port in (None, 443) and not to.username:
        if host == "data.gov.sg" or host.endswith(".data.gov.sg") or _OWN_BUCKET.fullmatch(host):
            return
        if _STORE.fullmatch(host) and _BUCKET.match(to.path):
            return
    # An address that was set by hand, such as the sandbox's, is trusted with its own files.
    if host and (to.scheme, host, port) == (ours.scheme, ours.hostname, ours.port) and not to.username:
        return
    raise VendorRefused(
        f"acra sent us to a host that is not its own ({host[:100]!r}): not followed; its rows can be had page by page",
        code="vendor_moved",
        vendor="acra",
    )


def _room() -> Path:
    """An empty file of our own; those that died processes left behind are removed."""
    folder = Path(tempfile.gettempdir())
    for old in folder.glob(f"{PREFIX}*"):
        try:
            if time.time() - old.stat().st_mtime > LEFT_S:
                old.unlink()
        except OSError:
            continue
    handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=".csv")
    os.close(handle)
    return Path(name)
