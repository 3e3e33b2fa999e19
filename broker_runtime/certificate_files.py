"""Certificates and keys from the files that options name."""

from __future__ import annotations

import ssl
from pathlib import Path

from broker_runtime.config.option import OptionError
from broker_runtime.config.options import Options
from broker_runtime.contract.configuration import Certificate
from broker_runtime.listeners.tls import CertificateInvalid, server_context

CERTIFICATE = "default"
_MAX_PEM_BYTES = 1024 * 1024


def read_certificate(prefix: str, chain: Path, key: Path) -> Certificate:
    """Chain and key as their files are now.

    Args:
        prefix: of the options that name the files, for messages.

    Raises:
        OptionError: a file cannot be read.
    """
    return Certificate(
        name=CERTIFICATE,
        chain=_text(f"{prefix}certificate-file", chain),
        key=_text(f"{prefix}key-file", key),
    )


def control_context(options: Options) -> ssl.SSLContext | None:
    """What the control API speaks HTTPS with; None: HTTP. Blocks for the files.

    Raises:
        OptionError: the certificate cannot be used.
    """
    chain, key = options.control_certificate_file, options.control_key_file
    if chain is None or key is None:
        return None
    try:
        return server_context(read_certificate("control-", chain, key), "1.2", "1.3")
    except CertificateInvalid as error:
        raise OptionError(f"--control-certificate-file {chain}: {error}") from None


def _text(option: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_PEM_BYTES + 1)
        if len(content) > _MAX_PEM_BYTES:
            raise OptionError(f"--{option} {path}: larger than {_MAX_PEM_BYTES} bytes")
        return content.decode("ascii")
    except OSError as error:
        raise OptionError(f"--{option} {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OptionError(f"--{option} {path}: not PEM") from None
