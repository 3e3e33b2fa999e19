"""Results of the reads of metrics, messages and events in the cloud API's words."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from clusters.gateway import ClientEventList, Message, MessageList, Trace
from console.core.actors import Actor
from console.core.payloads import presents
from monitoring.selectors.metrics import (
    Chart,
    ClusterStats,
    RealtimeStats,
    RealtimeStatsList,
    Series,
)


@presents("DescribeMessageByTopic")
def described_messages(actor: Actor, answer: MessageList) -> dict[str, Any]:
    """``DescribeMessageByTopicResponse``; ``Qos`` is text there. ``Complete`` is ours: false when
    the search ran out of time, so that later messages may exist.
    """
    return {
        "Data": [
            {
                "MessageId": message.message_id,
                "ClientId": message.client_id,
                "Qos": str(message.qos),
                "StoreTimestamp": message.stored_ms,
                "OriginTopic": message.topic,
            }
            for message in answer.messages
        ],
        "Complete": answer.complete,
    }


@presents("DescribeMessageDetails")
def described_message(actor: Actor, message: Message) -> dict[str, Any]:
    """``DescribeMessageDetailsResponse``; a body or correlation data that is not UTF-8 comes as
    base64.
    """
    return {
        "Body": _text(message.payload),
        "UserProperties": [{"Key": key, "Value": value} for key, value in message.user_properties],
        "StoreTimestamp": message.stored_ms,
        "MessageId": message.message_id,
        "ClientId": message.client_id,
        "Qos": str(message.qos),
        "OriginTopic": message.topic,
        "ContentType": message.content_type,
        "PayloadFormatIndicator": message.payload_format,
        "MessageExpiryInterval": message.expiry_s,
        "ResponseTopic": message.response_topic,
        "CorrelationData": _text(message.correlation_data),
        "Retain": message.retain,
    }


@presents("DescribeTrace")
def described_trace(actor: Actor, trace: Trace) -> dict[str, Any]:
    """Console-only: the steps in time order."""
    return {
        "Data": [
            {
                "Stage": step.stage,
                "Timestamp": step.at_ms,
                "ClientId": step.client_id,
                "PacketType": step.packet_type,
                "Qos": step.qos,
                "Result": step.result,
            }
            for step in trace.steps
        ]
    }


@presents("DescribeEvent")
def described_events(actor: Actor, answer: ClientEventList) -> dict[str, Any]:
    """Console-only: events newest first."""
    return {
        "Data": [
            {
                "Timestamp": event.at_ms,
                "ClientId": event.client_id,
                "Username": event.username,
                "ClientAddress": event.address,
                "Event": event.event,
                "Reason": event.reason,
            }
            for event in answer.events
        ],
        "Complete": answer.complete,
    }


@presents("DescribeInstanceRealtimeStats")
def described_realtime_stats(actor: Actor, stats: RealtimeStats) -> dict[str, Any]:
    """Console-only: ``Current`` is empty, and ``Timestamp`` null, while no runtime reports."""
    return {
        "Timestamp": stats.at_ms,
        "Current": _by_api_name(stats.current),
        "TpsLimit": stats.cluster.tps_limit,
        "ClientNumLimit": stats.cluster.max_connections,
        "Charts": [_chart(name, chart) for name, chart in stats.charts.items()],
    }


@presents("DescribeInstanceRealtimeStatsList")
def described_realtime_stats_list(actor: Actor, found: RealtimeStatsList) -> dict[str, Any]:
    """Console-only: ``Curves`` are the last 24 hours in half hours, null where nothing came."""
    return {
        "TotalCount": len(found.clusters),
        "Data": [
            {"InstanceId": public_id, **_cluster_stats(stats)}
            for public_id, stats in found.clusters.items()
        ],
        "Total": _cluster_stats(found.total),
    }


def _cluster_stats(stats: ClusterStats) -> dict[str, Any]:
    return {
        "Timestamp": stats.at_ms,
        "Current": _by_api_name(stats.current),
        "Curves": _by_api_name({name: list(curve) for name, curve in stats.curves.items()}),
    }


def _chart(name: str, chart: Chart) -> dict[str, Any]:
    return {
        "Chart": name,
        "From": chart.from_ms,
        "Until": chart.until_ms,
        "Timestamps": list(chart.times_ms),
        "Unit": chart.unit,
        "Limit": chart.limit,
        "Series": [_series(series) for series in chart.series],
    }


def _series(series: Series) -> dict[str, Any]:
    return {"Key": series.key, "Name": series.name, "Values": list(series.values)}


def _by_api_name(values: Mapping[str, Any]) -> dict[str, Any]:
    """``bytes_in`` → ``BytesIn``."""
    return {
        "".join(part.capitalize() for part in name.split("_")): value
        for name, value in values.items()
    }


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return base64.b64encode(content).decode()
