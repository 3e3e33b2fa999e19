"""What a listeners section may ask for."""

from __future__ import annotations

import msgspec
import pytest

from broker_runtime.broker.errors import ConfigurationInvalid
from broker_runtime.contract.configuration import Certificate, Listener
from broker_runtime.listeners.entrances import prepare
from tests.listeners.certificates import make


def listener(kind="tcp", port=1, **changes):
    return Listener(kind=kind, host="127.0.0.1", port=port, **changes)


@pytest.mark.parametrize(
    ("listeners", "words"),
    [
        ((listener(port=70_000),), "port 70000"),
        ((listener(), listener("ws")), "there twice"),
        ((listener("tls", certificate="none"),), "'none', which is not there"),
        ((listener("wss"),), "'', which is not there"),
        ((listener("ws", path="mqtt"),), "path 'mqtt'"),
        ((listener("ws", path="/a b"),), "path '/a b'"),
        ((listener("ws", path="/mqtt?x=1"),), "without query"),
        ((listener("ws", path="/\n"),), "path"),
    ],
)
def test_f11_listeners_that_cannot_be_are_refused(listeners, words):
    with pytest.raises(ConfigurationInvalid, match=words):
        prepare(listeners, ())


def test_a_certificate_that_cannot_be_used_is_refused_without_showing_its_key():
    good, other = make("good"), make("other")
    broken = {
        "a key of another certificate": msgspec.structs.replace(good, key=other.key),
        "a key with a passphrase": make("good", passphrase=b"secret"),
        "no PEM": Certificate(name="good", chain="nothing", key="secret-key"),
        "a chain without certificate": msgspec.structs.replace(good, chain=good.key),
        "nothing": Certificate(name="good", chain="", key=""),
    }
    for what, certificate in broken.items():
        with pytest.raises(ConfigurationInvalid, match="certificates: certificate 'good'") as error:
            prepare((), (certificate,))
        assert certificate.key not in str(error.value) or not certificate.key, what


def test_certificates_are_told_apart_by_their_names():
    with pytest.raises(ConfigurationInvalid, match="there twice"):
        prepare((), (make("a"), make("a")))
    with pytest.raises(ConfigurationInvalid, match="a name is empty"):
        prepare((), (make(""),))


def test_an_empty_range_of_tls_versions_is_refused():
    wanted = listener("tls", certificate="a", tls_minimum="1.3", tls_maximum="1.2")
    with pytest.raises(ConfigurationInvalid, match="the range is empty"):
        prepare((wanted,), (make("a"),))


def test_listeners_with_the_same_certificate_and_versions_share_a_context():
    certificate = make("a")
    listeners = (
        listener("tls", 1, certificate="a"),
        listener("wss", 2, certificate="a"),
        listener("tls", 3, certificate="a", tls_minimum="1.3"),
        listener("tcp", 4),
    )

    one, two, three, four = prepare(listeners, (certificate,))

    assert one.context is two.context
    assert three.context is not one.context
    assert four.context is None


def test_a_certificate_does_not_show_its_key():
    certificate = make("a")
    assert repr(certificate) == "Certificate(name='a')"
