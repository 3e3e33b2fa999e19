"""A control API over HTTP before a ``FakeNode``, for consoles that are processes of their own."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from broker_runtime.contract import CONTRACT_HEADER, CONTRACT_VERSION
from broker_runtime.contract.commands import Refusal
from broker_runtime.contract.configuration import Configuration
from broker_runtime.contract.queries import GetNodeState
from tests.provisioning.fake_node import FakeNode


class ControlServer:
    """Serves the control API of one node until it is closed."""

    def __init__(self, port: int, *, token: str) -> None:
        self.node = FakeNode()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self.node, token))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """Stop answering; what connects from now on is refused."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(node: FakeNode, token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            configuration = msgspec.json.decode(self._body(), type=Configuration)
            self._answer(node.configure(configuration, timeout_s=1.0))

        def do_POST(self) -> None:
            assert self.path == "/v1/query/GetNodeState"
            self._answer(
                node.query(msgspec.json.decode(self._body(), type=GetNodeState), timeout_s=1.0)
            )

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test looks at what happened, not at lines."""

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _answer(self, answer: msgspec.Struct) -> None:
            if self.headers["Authorization"] != f"Bearer {token}":
                answer = Refusal(code="unauthorized", message="")
            content = msgspec.json.encode(answer)
            self.send_response(401 if isinstance(answer, Refusal) else 200)
            self.send_header(CONTRACT_HEADER, str(CONTRACT_VERSION))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
