"""The configuration a node holds: revision rules, applied whole, kept before acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from broker_runtime.broker.errors import ConfigurationInvalid, Refused
from broker_runtime.contract.configuration import (
    CertificatesSection,
    Configuration,
    ConfigurationApplied,
    ConfigurationChange,
    Sections,
)
from broker_runtime.control.configuration_file import ConfigurationFile
from broker_runtime.control.deltas import changed_sections

logger = logging.getLogger(__name__)

SECTIONS = tuple(field.name for field in msgspec.structs.fields(Sections))
OPTIONAL = ("certificates",)
"""Sections younger than version 1 of the contract: a base 0 without one empties it."""
_MAX_REVISION = 2**53 - 1  # what every JSON reader can hold


Configure = Callable[[Sections], Awaitable[None]]


class ConfigurationKeeper:
    """Takes configurations in, one at a time.

    Args:
        configure: puts sections in force in the broker, whole or not at all; raises
            ``ConfigurationInvalid``.
        clock_ms: Unix milliseconds.
        on_applied: called after a revision came into force and is durable.
    """

    def __init__(
        self,
        *,
        cluster_id: str,
        file: ConfigurationFile,
        configure: Configure,
        clock_ms: Callable[[], int],
        on_applied: Callable[[ConfigurationApplied], None],
    ) -> None:
        self._cluster_id = cluster_id
        self._file = file
        self._configure = configure
        self._clock_ms = clock_ms
        self._on_applied = on_applied
        self._lock = asyncio.Lock()
        self._sections = Sections()
        self._held = ConfigurationApplied(revision=0, applied_at_ms=0)
        self._obstacle = "no configuration yet"

    @property
    def revision(self) -> int:
        """The revision in force; 0 when there is none."""
        return self._held.revision

    @property
    def obstacle(self) -> str:
        """Why no configuration is in force; empty when one is."""
        return self._obstacle

    async def resume(self) -> None:
        """Put the configuration of the last run in force; when it cannot be, see ``obstacle``."""
        async with self._lock:
            kept = await asyncio.to_thread(self._file.load)
            if kept is None:
                return
            configuration, applied_at_ms = kept
            try:
                self._check_cluster(configuration.sections)
                await self._configure(configuration.sections)
            except (ConfigurationInvalid, Refused) as error:
                revision, reason = configuration.revision, str(error)
                logger.error("configuration_not_resumed revision=%s reason=%s", revision, reason)
                self._obstacle = f"the configuration of the last run cannot be used: {reason}"
                return
            self._take(configuration.sections, configuration.revision, applied_at_ms)

    async def apply(self, configuration: Configuration) -> ConfigurationApplied:
        """Apply a change and keep it; do nothing when its base is not held or it is in force.

        A configuration from base 0 is taken whatever its revision is: the console's word replaces
        the node's, also after the console's database was restored from a copy.

        Raises:
            Refused: ``malformed`` when it breaks the contract or the broker cannot run it,
                ``storage`` when it could not be kept. The old configuration stays in force.
        """
        _check_revisions(configuration)
        async with self._lock:
            return await self._take_in(configuration)

    async def change(self, change: ConfigurationChange) -> ConfigurationApplied:
        """Apply a change of entries and keep it.

        Raises:
            Refused: ``revision_conflict`` when the node holds another revision than the base; else
                as ``apply``.
        """
        base, revision = change.base_revision, change.revision
        if not 0 < base < revision <= _MAX_REVISION:
            raise Refused(
                "malformed", "revision: must be greater than base_revision, which is 1 or more"
            )
        async with self._lock:
            if base != self._held.revision:
                raise Refused(
                    "revision_conflict", f"base_revision: this node holds {self._held.revision}"
                )
            sections = changed_sections(self._sections, change.changes)
            return await self._take_in(
                Configuration(base_revision=base, revision=revision, sections=sections)
            )

    async def _take_in(self, configuration: Configuration) -> ConfigurationApplied:
        base, revision = configuration.base_revision, configuration.revision
        if base > self._held.revision or (base and revision <= self._held.revision):
            return self._held
        changes = _whole(configuration.sections) if base == 0 else configuration.sections
        merged = changes if base == 0 else self._merged(changes)
        if revision == self._held.revision and merged == self._sections:
            return self._held
        self._check_cluster(merged)
        applied_at_ms = self._clock_ms()
        whole = Configuration(base_revision=0, revision=revision, sections=merged)
        await self._keep_and_configure(whole, changes, applied_at_ms)
        self._take(merged, revision, applied_at_ms)
        logger.info("configuration_applied base=%s revision=%s", base, revision)
        return self._held

    async def _keep_and_configure(
        self, whole: Configuration, changes: Sections, applied_at_ms: int
    ) -> None:
        try:
            await asyncio.to_thread(self._file.prepare, whole, applied_at_ms)
        except OSError as error:
            raise Refused("storage", f"configuration not kept: {error.strerror}") from error
        try:
            await self._configure(changes)
        except ConfigurationInvalid as error:
            await asyncio.to_thread(self._file.discard)
            raise Refused("malformed", str(error)) from None
        try:
            await asyncio.to_thread(self._file.commit)
        except OSError as error:
            raise Refused("storage", f"configuration not kept: {error.strerror}") from error

    def _take(self, sections: Sections, revision: int, applied_at_ms: int) -> None:
        self._sections = sections
        self._held = ConfigurationApplied(revision=revision, applied_at_ms=applied_at_ms)
        self._obstacle = ""
        self._on_applied(self._held)

    def _merged(self, changes: Sections) -> Sections:
        new = {name: getattr(changes, name) for name in SECTIONS}
        return msgspec.structs.replace(
            self._sections, **{k: v for k, v in new.items() if v is not None}
        )

    def _check_cluster(self, sections: Sections) -> None:
        if sections.cluster is not None and sections.cluster.cluster_id != self._cluster_id:
            raise Refused(
                "malformed",
                f"sections.cluster.cluster_id: this node belongs to {self._cluster_id}",
            )


def _whole(sections: Sections) -> Sections:
    """Every section, those that may be left out too."""
    certificates = sections.certificates or CertificatesSection()
    return msgspec.structs.replace(sections, certificates=certificates)


def _check_revisions(configuration: Configuration) -> None:
    base, revision = configuration.base_revision, configuration.revision
    if not 0 <= base < revision <= _MAX_REVISION:
        raise Refused(
            "malformed", "revision: must be greater than base_revision, which is 0 or more"
        )
    if base == 0:
        given = configuration.sections
        missing = [n for n in SECTIONS if n not in OPTIONAL and getattr(given, n) is None]
        if missing:
            raise Refused(
                "malformed", f"sections.{missing[0]}: base_revision 0 carries every section"
            )
