"""The configuration of a node on its own: its options and files in the contract's words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from broker_runtime import passwords, policy_file
from broker_runtime.broker.errors import ConfigurationInvalid, Refused
from broker_runtime.certificate_files import CERTIFICATE, control_context, read_certificate
from broker_runtime.config.option import ListenAddress, OptionError
from broker_runtime.config.options import Options
from broker_runtime.contract.configuration import (
    CertificatesSection,
    Configuration,
    ConfigurationApplied,
    ConfigurationChange,
    Listener,
    ListenersSection,
    PoliciesSection,
    Sections,
    TopicsSection,
    UsersSection,
)
from broker_runtime.listeners.entrances import prepare

logger = logging.getLogger(__name__)

FILE_ERRORS = (
    OptionError,
    ConfigurationInvalid,
    passwords.PasswordFileError,
    policy_file.PolicyFileError,
)
"""Why what stands in options and files cannot be put in force."""

Stamp = tuple[tuple[int, int, int], ...]
"""What tells two states of files apart."""


class OptionsDecide:
    """Stands where a console's configuration would be taken in, and takes none."""

    async def apply(self, configuration: Configuration) -> ConfigurationApplied:
        """Raises ``Refused``."""
        raise self._refusal()

    async def change(self, change: ConfigurationChange) -> ConfigurationApplied:
        """Raises ``Refused``."""
        raise self._refusal()

    def _refusal(self) -> Refused:
        return Refused("standalone", "this node was started with --listen: its options decide")


class Standalone:
    """Puts options and files in force, and the files again when they are to be read again.

    Args:
        configure: puts sections in force, whole or not at all; raises ``ConfigurationInvalid``.
    """

    def __init__(self, options: Options, configure: Callable[[Sections], Awaitable[None]]) -> None:
        self._options = options
        self._configure = configure
        self._stamp: Stamp = ()
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Everything, for the first time.

        Raises:
            OptionError, PasswordFileError, PolicyFileError, ConfigurationInvalid: the message says
                which file or option cannot be used.
        """
        self._stamp = stamp(self._options)
        await self._configure(await asyncio.to_thread(sections, self._options))

    async def reload(self) -> None:
        """Users, policies and the certificate as their files are now (SIGHUP). What cannot be used
        is logged, and all stays as it was."""
        await self._again("the operator asked for it", sections)

    async def look_at_certificate(self) -> None:
        """Take a certificate whose files changed; call it every second."""
        if await asyncio.to_thread(stamp, self._options) != self._stamp:
            await self._again("the files of the certificate changed", _certificate_alone)

    async def _again(self, reason: str, read: Callable[[Options], Sections]) -> None:
        async with self._lock:
            self._stamp = stamp(self._options)
            try:
                await self._configure(await asyncio.to_thread(read, self._options))
            except FILE_ERRORS as error:
                logger.error("files_not_reloaded reason=%s problem=%s", reason, error)
            else:
                logger.info("files_reloaded reason=%s", reason)


def sections(options: Options) -> Sections:
    """Every section; first-level topics come by their use. Blocks for the files.

    Raises:
        OptionError, PasswordFileError, PolicyFileError: a file cannot be used.
    """
    users, policies = UsersSection(), PoliciesSection()
    if options.password_file is not None:
        users = passwords.load(options.password_file)
    if options.policy_file is not None:
        policies = policy_file.load(options.policy_file)
    return Sections(
        cluster=options.cluster,
        listeners=ListenersSection(listeners=tuple(_listener(options, a) for a in options.listen)),
        users=users,
        policies=policies,
        topics=TopicsSection(),
        certificates=certificates(options),
    )


def certificates(options: Options) -> CertificatesSection:
    """The certificate and its key, as their files are now. Raises ``OptionError``."""
    if options.certificate_file is None or options.key_file is None:
        return CertificatesSection()
    certificate = read_certificate("", options.certificate_file, options.key_file)
    return CertificatesSection(certificates=(certificate,))


def _certificate_alone(options: Options) -> Sections:
    return Sections(certificates=certificates(options))


def stamp(options: Options) -> Stamp:
    """Changes when the files of the certificate do; those that are not there count as well."""
    files = [path for path in (options.certificate_file, options.key_file) if path is not None]
    return tuple(_stamp(path) for path in files)


def check(options: Options) -> None:
    """Look at everything that ``start`` would put in force; raises one of ``FILE_ERRORS``."""
    wanted = sections(options)
    assert wanted.listeners is not None, "every section is there"
    assert wanted.certificates is not None, "every section is there"
    prepare(wanted.listeners.listeners, wanted.certificates.certificates)
    control_context(options)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _listener(options: Options, listen: ListenAddress) -> Listener:
    return Listener(
        kind=listen.kind,
        host=listen.address.host,
        port=listen.address.port,
        certificate=CERTIFICATE if listen.kind in ("tls", "wss") else "",
        tls_minimum=options.tls_minimum,
        tls_maximum=options.tls_maximum,
        path="" if options.websocket_path == "/" else options.websocket_path,
        origins=options.websocket_origins,
    )
