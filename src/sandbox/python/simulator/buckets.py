"""S3 as the Rust SDK reads it.

moto 5.2.5 calls the root element of GetBucketVersioning's answer `GetBucketVersioningResponse`; AWS says
`VersioningConfiguration`, and the SDK insists on it.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
"""
from __future__ import annotations

from typing import Any

from moto.s3.responses import S3Response

from .patching import wrap


@wrap(S3Response, "get_bucket_versioning")
def _get_bucket_versioning(original: Any, self: Any) -> Any:
    status, headers, body = original(self)
    text = body.decode() if isinstance(body, bytes) else body
    return status, headers, text.replace("GetBucketVersioningResponse", "VersioningConfiguration")
