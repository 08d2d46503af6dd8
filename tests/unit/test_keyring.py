"""Leases carry their secret, and configurations never mix."""

import pytest

from inference_service.credentials.types import Ask, Grant
from inference_service.routing.lease import Keyring, Lease

ASK = Ask("pool", "pool/model", "model")
GRANT = Grant("id-1", "lease")
SECRET = "sk-canary-123456"


def ring() -> Keyring:
    keys = Keyring()
    keys.add("generation-1", {("pool", "id-1"): (SECRET, "sk-…56"), ("other", "id-1"): ("sk-other", "sk-…er")})
    return keys


def test_a_lease_carries_the_secret_and_the_masked_name() -> None:
    assert ring().lease(ASK, GRANT) == Lease(ASK, GRANT, "sk-…56", SECRET)


def test_the_same_token_in_another_pool_is_another_key() -> None:
    assert ring().lease(Ask("other", "other/model", "model"), GRANT).secret == "sk-other"


def test_a_deployment_without_credentials_has_a_lease_without_a_secret() -> None:
    keys = Keyring()
    keys.add("generation-1", {("pool", ""): (None, "anonymous")})
    assert keys.lease(ASK, Grant("", "lease")).secret is None


def test_an_answer_that_runs_through_a_reload_keeps_its_configuration() -> None:
    keys = ring()
    keys.add("generation-2", {("pool", "id-2"): ("sk-new", "sk-…ew")})
    assert keys.lease(ASK, GRANT).secret == SECRET
    assert keys.lease(ASK, Grant("id-2", "lease")).secret == "sk-new"


def test_of_two_configurations_the_newer_one_names_the_key() -> None:
    keys = ring()
    keys.add("generation-2", {("pool", "id-1"): (SECRET, "a better name")})
    assert keys.lease(ASK, GRANT).label == "a better name"


def test_a_retired_configuration_takes_its_keys_along() -> None:
    keys = ring()
    keys.add("generation-2", {("pool", "id-2"): ("sk-new", "sk-…ew")})
    keys.discard("generation-1")
    keys.discard("generation-1")  # a second time is nothing
    with pytest.raises(LookupError, match="pool"):
        keys.lease(ASK, GRANT)
    assert keys.lease(ASK, Grant("id-2", "lease")).secret == "sk-new"


def test_no_secret_is_in_a_representation() -> None:
    keys = ring()
    lease = keys.lease(ASK, GRANT)
    assert "canary" not in f"{lease!r} {lease} {keys!r} {keys}"
    assert "pool/model" in repr(lease)
    assert "sk-…56" in repr(lease)
