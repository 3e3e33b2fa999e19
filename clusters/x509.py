"""What a cluster answers about X.509 while it has the default only: one-way TLS, default
certificate (CONTRACT X1, X3).
"""

from __future__ import annotations

MODES = ("TLS", "mTLS", "BYOC")
PROVISION_TYPES = ("JITP", "API")

DEFAULTS: dict[str, str | bool] = {
    "X509Mode": "TLS",
    "UseDefaultServerCert": True,
    "DeviceCertificateProvisionType": "API",
    "AutomaticActivation": False,
}
"""API name → value of every cluster."""
