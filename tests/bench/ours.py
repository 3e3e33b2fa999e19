"""Our broker as it is measured: a node of a console, with every duty on."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from broker_runtime.contract.configuration import (
    ClusterSection,
    Configuration,
    Listener,
    ListenersSection,
    PoliciesSection,
    Policy,
    Sections,
    TopicsSection,
    UsersSection,
)
from clusters.gateway import NodeGateway, NodeRefused, NodeUnreachable
from tests.bench.start import Failed, Start, free_port

ROOT = Path(__file__).parents[2]
CLUSTER = "mqtt-bench000"
CLOSED_AREAS = 7
NEVER_REACHED = 1_000_000_000
"""A limit of messages per second: it has to be counted, but holds nobody back."""
MANY = 1_000_000
CONFIGURE_S = 10.0


def command(start: Start, loop: str, *, compiled: bool = False) -> list[str]:
    """The node's command line; its token and control port lie in the folder."""
    control, token = free_port(), start.folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    (start.folder / "control-port").write_text(str(control))
    runtime = compiled_runtime(start.cache) if compiled else ROOT
    profiled = ["-m", "cProfile", "-o", str(start.profile)] if start.profile else []
    return [
        *("/usr/bin/env", f"PYTHONPATH={runtime}{os.pathsep}{ROOT}", sys.executable, "-P"),
        *(*profiled, "-m", "tests.bench.anonymous_node"),
        *("--data", str(start.folder / "node"), "--loop", loop, "--log-level", "warning"),
        *("--cluster-id", CLUSTER, "--node-id", f"{CLUSTER}-n0"),
        *("--control", f"127.0.0.1:{control}", "--token-file", str(token)),
    ]


def compiled_runtime(cache: Path) -> Path:
    """The folder of the runtime with a compiled engine; made the first time.

    Raises:
        Failed: it cannot be compiled.
    """
    build = [sys.executable, "-m", "broker_runtime.compilation", str(cache / "compiled")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"the engine was not compiled: {done.stderr.strip()[-300:]}")
    return Path(done.stdout.strip())


def configure(start: Start) -> None:
    """Give the node its configuration, as a console does.

    Raises:
        OSError: it does not answer yet.
        Failed: it refuses.
    """
    control = int((start.folder / "control-port").read_text())
    socket.create_connection(("127.0.0.1", control), timeout=1).close()
    gateway = NodeGateway("127.0.0.1", control, (start.folder / "token").read_text())
    change = Configuration(base_revision=0, revision=1, sections=sections(start.port))
    try:
        gateway.configure(change, timeout_s=CONFIGURE_S)
    except NodeUnreachable as error:
        raise OSError(str(error)) from None
    except NodeRefused as error:
        raise Failed(f"the node refuses its configuration: {error}") from None


def sections(port: int) -> Sections:
    """A cluster with ten policies, a limit of messages per second and a message log."""
    return Sections(
        cluster=ClusterSection(
            cluster_id=CLUSTER,
            tps_limit=NEVER_REACHED,
            max_connections=MANY,
            max_subscriptions=MANY,
            max_subscriptions_per_client=MANY,
            max_topics=MANY,
            auto_create_topics=True,
            authorization_enabled=True,
        ),
        listeners=ListenersSection(listeners=(Listener(kind="tcp", host="127.0.0.1", port=port),)),
        users=UsersSection(),
        policies=PoliciesSection(policies=tuple(_policies())),
        topics=TopicsSection(),
    )


def _policies() -> Iterator[Policy]:
    """Ten rules as operators write them; the last one, which allows, is the one that matches."""
    for number in range(1, CLOSED_AREAS + 1):
        yield Policy(
            id=number,
            name=f"closed-{number}",
            effect="deny",
            actions=("pub", "sub"),
            topics=(f"closed/{number}/#", f"+/closed-{number}/*"),
        )
    yield Policy(id=20, name="strangers", effect="deny", actions=("connect",), ip="198.51.100.0/24")
    yield Policy(id=30, name="own", effect="allow", actions=("pub",), topics=("own/${ClientId}/#",))
    yield Policy(id=40, name="open", effect="allow", actions=("connect", "pub", "sub"))
