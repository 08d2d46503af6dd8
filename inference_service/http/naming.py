"""Names of the contract as this door writes them."""

from typing import Any


def deployment_name(deployment: Any) -> str:
    return deployment if isinstance(deployment, str) else f"{deployment.provider}/{deployment.model}"


def failure_name(failure: Any) -> str:
    return str(failure)
