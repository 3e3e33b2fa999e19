"""``python -m tests.supervisor.driver``: the real supervisor over small stand-ins of its processes.

Everything is real (signals, processes, pipes, the lock, SQLite rows) except what the processes do.
Web answers /healthz, or dies at once where ``BROKEN_WEB`` is set; worker ignores SIGTERM where
``STUBBORN`` is set, and has a child where ``GRANDCHILD`` is; a runtime listens on its port.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from console.supervisor import __main__ as program
from console.supervisor.nodes import DesiredNode
from console.supervisor.plan import Plan
from console.supervisor.specification import ProcessSpecification, Stage

WEB = """
import http.server, os, sys
if os.environ.get("BROKEN_WEB"):
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
WORKER = """
import os, signal, subprocess, sys, time
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("worker is here", flush=True)
if os.environ.get("GRANDCHILD"):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
time.sleep(600)
"""
RUNTIME = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""
FIRST_START = """
import json
print(json.dumps({"event": "owner_created", "username": "owner", "password": "generated"}))
"""


class StandIns(Plan):
    """The plan with small processes in the place of the console's and the runtime's."""

    def console(self) -> tuple[ProcessSpecification, ...]:
        port = str(self._environment.port)
        return (
            self._stand_in("web", Stage.WEB, WEB, port),
            self._stand_in("worker", Stage.WORKER, WORKER),
        )

    def runtime(self, node: DesiredNode) -> ProcessSpecification:
        port = str(node.control_port)
        return self._stand_in(node.node_id, Stage.RUNTIME, RUNTIME, port, at_once=True)

    def _stand_in(
        self, name: str, stage: Stage, script: str, *arguments: str, at_once: bool = False
    ) -> ProcessSpecification:
        return ProcessSpecification(
            name=name,
            command=(sys.executable, "-S", "-c", script, *arguments),
            stage=stage,
            stop_limit_s=1.0 if os.environ.get("IMPATIENT") else 60.0,
            lifeline=stage is Stage.RUNTIME,
            first_restart_at_once=at_once,
            variables=tuple(self.variables.items()),
        )


def main() -> int:
    """Run the supervisor's own program, with the stand-ins and their ``manage.py``."""
    folder = Path(os.environ["SIGNALBOX_HOME"]).parent
    (folder / "manage.py").write_text(FIRST_START)
    return program.main(partial(StandIns, folder=folder))


if __name__ == "__main__":
    sys.exit(main())
