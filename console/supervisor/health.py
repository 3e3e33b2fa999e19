"""Asks the console how it is, as any monitoring would."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from console.environment import Environment
from console.supervisor.plan import reachable_host

PATIENCE_S = 5.0
LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Health:
    """What ``GET /healthz`` answered."""

    status: int
    words: str

    @property
    def is_good(self) -> bool:
        """Whether everything that the console needs is up."""
        return self.status == http.HTTPStatus.OK


def ask_health(environment: Environment) -> Health | None:
    """Ask once, and block for it; None: nobody answers at the console's port."""
    host = reachable_host(environment.bind)
    connection = http.client.HTTPConnection(host, environment.port, timeout=PATIENCE_S)
    try:
        # The name under which browsers know the console is one that it accepts.
        name = urlsplit(environment.public_url).netloc
        connection.request("GET", "/healthz", headers={"Host": name})
        answer = connection.getresponse()
        body = answer.read(LONGEST_WORDS).decode(errors="replace").strip()
        return Health(answer.status, f"{answer.status} {body}")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
