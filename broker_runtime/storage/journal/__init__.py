"""The message log with traces and client events, on files, indexed outside the broker's process.

Reading order: ``records`` (bytes of a frame), ``layout`` (names of the files), ``segments`` (the
broker's side of a segment), ``hours`` (an hour of the index), ``indexing`` (from segments to
hours), ``indexer`` (the process that does it), ``indexer_process`` (its keeper in the broker),
``search`` (the queries), ``segment_journal`` (what the broker calls).

The stream of records has one position, in bytes since the journal began. A segment file is named by
the position it starts at, progress is a position, and so is the point a query waits for. What is
written survives the death of either process; a power cut may take the last moments, for nothing
here waits for the disk: what must not be lost is in the DurableStore.
"""
