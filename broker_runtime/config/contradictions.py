"""Settings that do not go together, told plainly."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from broker_runtime.config.option import Address, OptionError
from broker_runtime.config.table import TABLE

if TYPE_CHECKING:
    from broker_runtime.config.options import Options


def refuse_contradictions(options: Options) -> None:
    """Raises ``OptionError`` at the first."""
    if options.is_standalone:
        _check_standalone(options)
    else:
        _check_managed(options)
    if options.control is not None:
        if options.token_file is None:
            raise OptionError(
                "--control needs --token-file: the control API is never open to everybody"
            )
        _check_control_address(options.control)
    elif options.control_certificate_file is not None:
        raise OptionError("--control-certificate-file is for --control, which is missing")
    elif options.token_file is not None:
        raise OptionError("--token-file is the token of --control, which is missing")
    if (options.control_certificate_file is None) != (options.control_key_file is None):
        raise OptionError("--control-certificate-file and --control-key-file go together")
    _check_telemetry(options)


def _check_standalone(options: Options) -> None:
    if options.memory == (options.data is not None):
        raise OptionError(
            "give exactly one of --data DIR (everything survives) and --memory (nothing does)"
        )
    if options.allow_anonymous == (options.password_file is not None):
        raise OptionError("give exactly one of --allow-anonymous and --password-file FILE")
    if len({listen.address for listen in options.listen}) != len(options.listen):
        raise OptionError("--listen names the same address twice")
    _check_tls(options)


def _check_tls(options: Options) -> None:
    is_wanted = any(listen.kind in ("tls", "wss") for listen in options.listen)
    if (options.certificate_file is None) != (options.key_file is None):
        raise OptionError("--certificate-file and --key-file go together")
    if is_wanted and options.certificate_file is None:
        raise OptionError("--listen tls://… and wss://… need --certificate-file and --key-file")
    if options.certificate_file is not None and not is_wanted:
        raise OptionError("--certificate-file is for --listen tls://… or wss://…")
    if options.tls_minimum > options.tls_maximum:
        raise OptionError("--tls-minimum is newer than --tls-maximum")
    if not options.websocket_path.startswith("/"):
        raise OptionError(f"--websocket-path {options.websocket_path}: /NAME expected")


def _check_managed(options: Options) -> None:
    if options.control is None:
        raise OptionError(
            "give --listen HOST:PORT to run on its own, or --control to serve a console"
        )
    if options.data is None:
        raise OptionError(
            "--data DIR is missing: a node of a console keeps its configuration there"
        )
    for option in TABLE:
        if option.is_standalone_only and option.name in options.given:
            raise OptionError(
                f"--{option.name} goes with --listen only; with --control the console decides it"
            )
    for name in ("cluster-id", "node-id"):
        if name not in options.given:
            raise OptionError(f"--{name} is missing: a node of a console must know who it is")


def _check_control_address(control: Address) -> None:
    """The control API must not be reachable from the devices' network (SECURITY C21)."""
    try:
        ip = ipaddress.ip_address(control.host)
    except ValueError:
        raise OptionError(f"--control {control}: an IP address expected, not a name") from None
    if ip.is_unspecified or not ip.is_private:
        raise OptionError(
            f"--control {control}: give a loopback or private address; "
            "the control API must not be open to devices"
        )


def _check_telemetry(options: Options) -> None:
    if bool(options.telemetry) != (options.telemetry_token_file is not None):
        raise OptionError("--telemetry and --telemetry-token-file go together")
    if not options.telemetry:
        return
    if options.control is None:
        raise OptionError("--telemetry needs --control: only a node of a console reports to it")
    url = urlsplit(options.telemetry)
    if url.scheme not in ("ws", "wss") or not url.hostname or url.query or url.username:
        raise OptionError("--telemetry: ws://HOST[:PORT]/PATH without user and query expected")
