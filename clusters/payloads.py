"""Results of the actions on clusters and clients in the cloud API's words."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from clusters import x509
from clusters.gateway import Client, ClientPage, Kicked, NodeState
from clusters.models import Cluster, Endpoint
from clusters.selectors import (
    InstanceDetails,
    InstancePage,
    InstanceProgress,
    InstanceSummary,
    InstanceTotals,
    PublicAccess,
)
from clusters.skus import Sku
from console.core.actors import Actor
from console.core.models import Job
from console.core.payloads import presents


@presents("DescribeProductSKUList")
def sku_list(actor: Actor, skus: Sequence[Sku]) -> dict[str, Any]:
    """``DescribeProductSKUListResponse``; nothing has a price (DECISIONS 8)."""
    return {
        "TotalCount": len(skus),
        "MQTTProductSkuList": [
            {
                "InstanceType": sku.edition,
                "SkuCode": sku.code,
                "OnSale": sku.on_sale,
                "TopicNumLimit": sku.topics,
                "TpsLimit": sku.tps,
                "ClientNumLimit": sku.connections,
                "MaxSubscriptionPerClient": sku.subscriptions_per_client,
                "AuthorizationPolicyLimit": sku.policies,
                "PriceTags": [],
            }
            for sku in skus
        ],
    }


@presents("CreateInstance")
def created_instance(actor: Actor, cluster: Cluster) -> dict[str, Any]:
    """``CreateInstanceResponse``."""
    return {"InstanceId": cluster.public_id}


@presents("RetryCreateInstance")
def retried_instance(actor: Actor, cluster: Cluster) -> dict[str, Any]:
    """As that of CreateInstance."""
    return {"InstanceId": cluster.public_id}


@presents("ModifyInstance")
def modified_instance(actor: Actor, cluster: Cluster) -> dict[str, Any]:
    """``ModifyInstanceResponse``: nothing."""
    return {}


@presents("ModifyInstanceTags")
def modified_instance_tags(actor: Actor, cluster: Cluster) -> dict[str, Any]:
    """Nothing, as that of ModifyInstance."""
    return {}


@presents("DeleteInstance")
def deleted_instance(actor: Actor, cluster: Cluster) -> dict[str, Any]:
    """``DeleteInstanceResponse``: nothing."""
    return {}


@presents("DescribeInstanceList")
def instance_list(actor: Actor, page: InstancePage) -> dict[str, Any]:
    """``DescribeInstanceListResponse``."""
    return {"TotalCount": page.total, "Data": [_list_item(item) for item in page.items]}


@presents("DescribeInstanceTotals")
def instance_totals(actor: Actor, totals: InstanceTotals) -> dict[str, Any]:
    """The console's own."""
    return {
        "TotalCount": len(totals.clusters),
        "TopicNum": totals.topic_count,
        "States": [{"InstanceStatus": s, "Count": count} for s, count in totals.states.items()],
        "Tags": [{"TagKey": key, "TagValue": value} for key, value in totals.tags],
    }


@presents("DescribeInstance")
def instance(actor: Actor, details: InstanceDetails) -> dict[str, Any]:
    """``DescribeInstanceResponse``; here alone the creation time is in seconds."""
    cluster = details.cluster
    return {
        **_common(cluster, details.topic_count),
        "CreatedTime": int(cluster.created_at.timestamp()),
        "AuthorizationPolicy": cluster.authorization_enabled,
        "MessageRate": cluster.message_rate,
        **x509.DEFAULTS,
    }


@presents("DescribeInstanceProgress")
def instance_progress(actor: Actor, progress: InstanceProgress) -> dict[str, Any]:
    """The console's own: state of the cluster and of the newest job on it; times in ms."""
    cluster, job = progress.cluster, progress.job
    return {
        "InstanceId": cluster.public_id,
        "InstanceStatus": cluster.state,
        "Reason": cluster.state_reason,
        "Job": job and _job(job),
    }


@presents("DescribeInstanceJobs")
def instance_jobs(actor: Actor, jobs: Sequence[Job]) -> dict[str, Any]:
    """The console's own: newest first; times in ms."""
    return {"Data": [{"InstanceId": job.subject, **_job(job)} for job in jobs]}


@presents("DescribeInstanceRuntime")
def instance_runtime(actor: Actor, state: NodeState) -> dict[str, Any]:
    """The console's own: state of the runtime; the start in ms."""
    return {
        "NodeId": state.node_id,
        "Revision": state.revision,
        "Ready": state.ready,
        "Reason": state.reason,
        "StartTime": state.started_ms,
        "ClientNum": state.connections,
        "Listeners": list(state.listeners),
    }


@presents("DescribeInsVPCEndpoints")
def vpc_endpoints(actor: Actor, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """``DescribeInsVPCEndpointsResponse``."""
    return {"Endpoints": [_endpoint(endpoint) for endpoint in endpoints]}


@presents("DescribeInsPublicEndpoints")
def public_endpoints(actor: Actor, access: PublicAccess) -> dict[str, Any]:
    """``DescribeInsPublicEndpointsResponse``."""
    return {
        "Endpoints": [_endpoint(endpoint) for endpoint in access.endpoints],
        "InstanceId": access.cluster.public_id,
        "Bandwidth": 0,
        "Rules": [],
        "Status": "NORMAL" if access.endpoints else "CLOSE",
    }


@presents("DescribeClientList")
def client_list(actor: Actor, page: ClientPage) -> dict[str, Any]:
    """``DescribeClientListResponse``."""
    return {"Clients": [_client(client) for client in page.clients]}


@presents("DescribeClient")
def client(actor: Actor, found: Client) -> dict[str, Any]:
    """The console's own: an item of the list with what the session counted (CONTRACT K5)."""
    return {
        **_client(found),
        "Username": found.username,
        "BytesReceived": found.bytes_received,
        "BytesSent": found.bytes_sent,
        "Inflight": found.inflight,
        "Lag": found.backlog,
        "Packets": [
            {
                "Direction": packets.direction,
                "PacketType": packets.packet_type,
                "Qos": None if packets.qos < 0 else packets.qos,
                "Count": packets.count,
            }
            for packets in found.packets
        ],
    }


@presents("KickOutClient")
def kicked_client(actor: Actor, kicked: Kicked) -> dict[str, Any]:
    """``KickOutClientResponse``: nothing."""
    return {}


def _common(cluster: Cluster, topic_count: int) -> dict[str, Any]:
    """What a row of the list and the details share. A cluster paid by use never expires."""
    return {
        "InstanceId": cluster.public_id,
        "InstanceName": cluster.name,
        "InstanceType": cluster.edition,
        "InstanceStatus": cluster.state,
        "SkuCode": cluster.sku_code,
        "Remark": cluster.remark,
        "TopicNum": topic_count,
        "TopicNumLimit": cluster.max_topics,
        "TpsLimit": cluster.tps_limit,
        "ClientNumLimit": cluster.max_connections,
        "MaxSubscription": cluster.max_subscriptions,
        "MaxSubscriptionPerClient": cluster.max_subscriptions_per_client,
        "AuthorizationPolicyLimit": cluster.max_policies,
        "PayMode": "POSTPAID",
        "RenewFlag": 0,
        "ExpiryTime": None,
        "DestroyTime": None,
        "DeleteProtect": cluster.delete_protection,
    }


def _list_item(item: InstanceSummary) -> dict[str, Any]:
    return {
        **_common(item.cluster, item.topic_count),
        "CreateTime": _ms(item.cluster.created_at),
    }


def _job(job: Job) -> dict[str, Any]:
    return {
        "Kind": job.kind,
        "State": job.state,
        "Step": job.step,
        "Steps": job.steps,
        "StepName": job.step_name,
        "Error": job.error,
        "CreatedTime": _ms(job.created_at),
    }


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return {
        "Type": endpoint.kind,
        "Url": f"{host}:{endpoint.port}",
        "VpcId": "",
        "SubnetId": "",
        "Host": endpoint.host,
        "Port": endpoint.port,
        "Ip": endpoint.host if _is_address(endpoint.host) else "",
        "PortEnable": endpoint.cluster.is_serving,
        "VpcEndpointId": "",
    }


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _client(found: Client) -> dict[str, Any]:
    return {
        "ClientId": found.client_id,
        "ClientAddress": found.address,
        "ProtocolVersion": found.protocol_version,
        "Keepalive": found.keep_alive_s,
        "ConnectionStatus": "CONNECTED" if found.connected else "DISCONNECTED",
        "CreateTime": found.created_ms,
        "ConnectTime": found.connected_ms,
        "DisconnectTime": found.disconnected_ms,
        "MQTTClientSubscriptions": [
            {
                "TopicFilter": subscription.topic_filter,
                "Qos": subscription.qos,
                "Lag": subscription.backlog,
                "Inflight": subscription.unacknowledged,
                "UserProperties": [],
            }
            for subscription in found.subscriptions
        ],
        "CleanSession": found.clean_start,
        "ExpireIntervalInSeconds": found.session_expiry_s,
    }


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
