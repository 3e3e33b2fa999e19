"""The frame holds: actions, forms, payloads and the SDK's methods fit together."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tencentcloud.mqtt.v20240516 import errorcodes, models
from tencentcloud.mqtt.v20240516.mqtt_client import MqttClient

from console import entrances
from console.core.actions import REGISTRY, snake_case
from console.core.forms import FORMS
from console.core.payloads import PAYLOADS

SDK_ACTIONS = {name for name in vars(MqttClient) if name[:1].isupper()}
FROM_OUTSIDE = {name for name, record in REGISTRY.items() if not record.internal}

NOT_YET = {
    "ActivateCaCertificate",
    "ActivateDeviceCertificate",
    "AddClientSubscription",
    "ApplyRegistrationCode",
    "CreateBlockRule",
    "CreateDeviceIdentity",
    "CreateHttpAuthenticator",
    "CreateInsPublicEndpoint",
    "CreateJWKSAuthenticator",
    "CreateJWTAuthenticator",
    "CreateMessageEnrichmentRule",
    "DeactivateCaCertificate",
    "DeactivateDeviceCertificate",
    "DeleteAuthenticator",
    "DeleteBlockRule",
    "DeleteCaCertificate",
    "DeleteClientSubscription",
    "DeleteDeviceCertificate",
    "DeleteDeviceIdentity",
    "DeleteInsPublicEndpoint",
    "DeleteMessageEnrichmentRule",
    "DescribeAuthenticator",
    "DescribeBlockRuleList",
    "DescribeCaCertificate",
    "DescribeCaCertificates",
    "DescribeClientEvents",
    "DescribeDeviceCertificate",
    "DescribeDeviceCertificateBackupHistory",
    "DescribeDeviceCertificates",
    "DescribeDeviceIdentities",
    "DescribeDeviceIdentity",
    "DescribeDeviceIdentityBackupHistory",
    "DescribeMessageEnrichmentRules",
    "DescribeMessageList",
    "DescribeSharedSubscriptionClient",
    "DescribeSharedSubscriptionGroups",
    "DescribeSharedSubscriptionGroupsWithSubscriptions",
    "DescribeSharedSubscriptionLag",
    "DescribeSharedSubscriptions",
    "DescribeWillMessage",
    "ModifyBlockRule",
    "ModifyDeviceIdentity",
    "ModifyHttpAuthenticator",
    "ModifyInsPublicEndpoint",
    "ModifyInstanceCertBinding",
    "ModifyJWKSAuthenticator",
    "ModifyJWTAuthenticator",
    "ModifyMessageEnrichmentRule",
    "ModifyX509Config",
    "RegisterCaCertificate",
    "RegisterDeviceCertificate",
    "RevokedDeviceCertificate",
    "UpdateAuthorizationPolicyPriority",
    "UpdateMessageEnrichmentRulePriority",
}
"""Actions of the SDK that no app has yet. Exact: who adds one takes it out of this list."""

NOTHING_TO_SAY = {
    "AttachRightsPolicy",
    "ChangeLanguage",
    "ChangePassword",
    "CreateRightsPolicy",
    "DeleteAccessKey",
    "DeleteRightsPolicy",
    "DeleteSubUser",
    "DetachRightsPolicy",
    "ModifyAccessKey",
    "ModifySubUser",
}
"""Console-only actions whose answer is an empty object."""


def modules_of(*parts: str) -> Iterator[ModuleType]:
    """``<app>.services`` and the like, packages with all their modules."""
    for app in entrances.APPS:
        for part in parts:
            path = Path(*app.split("."), part)
            if not (path.with_suffix(".py").exists() or path.is_dir()):
                continue
            module = importlib.import_module(f"{app}.{part}")
            yield module
            for inner in pkgutil.iter_modules(getattr(module, "__path__", ())):
                yield importlib.import_module(f"{app}.{part}.{inner.name}")


def functions_of(module: ModuleType) -> Iterator[str]:
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            yield name


def test_every_action_has_a_form_and_every_form_an_action() -> None:
    assert set(FORMS) == FROM_OUTSIDE


def test_every_form_calls_the_function_of_its_action() -> None:
    called = {name: form.function.__name__ for name, form in FORMS.items()}
    assert called == {name: snake_case(name) for name in FORMS}


def test_every_public_function_of_services_and_selectors_is_an_action() -> None:
    actions = {
        record.function.__module__ + "." + snake_case(name) for name, record in REGISTRY.items()
    }
    public = {
        f"{module.__name__}.{name}"
        for module in modules_of("services", "selectors")
        for name in functions_of(module)
    }
    assert public - actions == set()


def test_every_action_lives_in_services_or_selectors() -> None:
    homes = {record.function.__module__ for record in REGISTRY.values()}
    assert homes <= {module.__name__ for module in modules_of("services", "selectors")}


def test_every_action_of_the_sdk_is_there_or_listed_as_not_yet() -> None:
    assert SDK_ACTIONS - set(REGISTRY) == NOT_YET
    assert NOT_YET & set(REGISTRY) == set()


def test_every_action_of_the_sdk_is_open_to_callers_from_outside() -> None:
    assert (SDK_ACTIONS & set(REGISTRY)) - FROM_OUTSIDE == set()


def test_every_action_is_presented() -> None:
    """In the API an action of the SDK has a payload, even if it says nothing."""
    assert FROM_OUTSIDE - set(PAYLOADS) - NOTHING_TO_SAY == set()
    assert set(PAYLOADS) - FROM_OUTSIDE == set()


@pytest.mark.parametrize("name", sorted(SDK_ACTIONS & set(FORMS)))
def test_a_form_knows_every_parameter_that_the_sdk_sends(name: str) -> None:
    """Parameters of the console's own may come on top."""
    request = getattr(models, f"{name}Request")()
    sent = {key.removeprefix("_") for key in vars(request)} - {"headers"}
    form = FORMS[name]
    known = {form.api_name(field) for field in form.base_fields}
    assert sent - known == set()


def test_what_describes_only_reads() -> None:
    """So that ``mqtt:Describe*`` of the read-only preset changes nothing (CONTRACT R4)."""
    kinds = {record.kind for name, record in REGISTRY.items() if name.startswith("Describe")}
    assert kinds == {"read"}


def test_the_sdk_is_the_version_that_the_api_speaks() -> None:
    from console.api.views import VERSION

    assert MqttClient._apiVersion == VERSION
    assert errorcodes.RESOURCENOTFOUND_INSTANCE == "ResourceNotFound.Instance"
