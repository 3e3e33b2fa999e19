"""A caller of the API that signs with the SDK's own function, and can be told to do it wrongly."""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from typing import Any

from django.test import Client
from tencentcloud.common.sign import Sign

from console.accounts.services.access_keys import create_access_key
from console.core.actors import Actor
from tests.cast import user_of

HOST = "testserver"


class Caller:
    """Holds one API key. ``call`` takes anything of a request to be sent otherwise."""

    def __init__(self, secret_id: str, secret_key: str) -> None:
        self.secret_id, self.secret_key = secret_id, secret_key
        self.browser = Client(REMOTE_ADDR="192.0.2.30")

    def headers(
        self,
        body: bytes,
        *,
        secret_id: str = "",
        secret_key: str = "",
        off_s: int = 0,
        date: str = "",
        service: str = "mqtt",
        content_type: str = "application/json",
        more: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """The signed headers of a request with this body; ``more`` are signed, too.

        ``off_s``: by how much the caller's clock is ahead.
        """
        moment = int(time.time()) + off_s
        date = date or datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d")
        signed = {"content-type": content_type, "host": HOST, **(more or {})}
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(signed.items()))
        names = ";".join(sorted(signed))
        digest = hashlib.sha256(body).hexdigest()
        canonical = hashlib.sha256(f"POST\n/\n\n{lines}\n{names}\n{digest}".encode()).hexdigest()
        text = f"TC3-HMAC-SHA256\n{moment}\n{date}/{service}/tc3_request\n{canonical}"
        signature = Sign.sign_tc3(secret_key or self.secret_key, date, service, text)
        return {
            "Authorization": (
                f"TC3-HMAC-SHA256 Credential={secret_id or self.secret_id}/{date}/{service}"
                f"/tc3_request, SignedHeaders={names}, Signature={signature}"
            ),
            "Content-Type": content_type,
            "Host": HOST,
            "X-TC-Action": "DescribeSubUsers",
            "X-TC-Timestamp": str(moment),
            "X-TC-Version": "2024-05-16",
            **(more or {}),
        }

    def send(self, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """Send exactly this; return what stands under ``Response``."""
        answer = self.browser.generic(
            "POST", "/", body, content_type=headers["Content-Type"], headers=headers
        )
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/json"
        response: dict[str, Any] = json.loads(answer.content)["Response"]
        assert response["RequestId"]
        return response

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """A call as the SDK would make it."""
        body = json.dumps(parameters).encode()
        return self.send(body, {**self.headers(body), "X-TC-Action": action})


def caller_for(actor: Actor) -> Caller:
    """A caller with a new API key of the actor's."""
    new = create_access_key(actor, user=user_of(actor))
    return Caller(new.key.secret_id, new.secret_key)
