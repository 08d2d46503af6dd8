"""The manifests against the schemas of Kubernetes, which a package ships, and against what the service promises."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
VERSIONS = ("1.29", "1.33")
FILES = sorted(path for path in ROOT.rglob("*.yaml") if path.name != "kustomization.yaml")
OVERLAYS = sorted(path.name for path in (ROOT / "overlays").iterdir())


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


def is_patch(path: Path) -> bool:
    kustomization = yaml.safe_load((path.parent / "kustomization.yaml").read_text())
    return any(patch["path"] == path.name for patch in kustomization.get("patches", []))


def base() -> dict[tuple[str, str], dict[str, Any]]:
    found = [document for path in (ROOT / "base").glob("*.yaml") for document in documents(path.read_text())]
    return {(document["kind"], document["metadata"]["name"]): document for document in found if "metadata" in document}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", [path for path in FILES if not is_patch(path)], ids=lambda path: path.name)
def test_a_manifest_is_valid(path: Path, version: str) -> None:
    for document in documents(path.read_text(encoding="utf-8")):
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_names_files_and_objects_that_exist(overlay: str) -> None:
    folder = ROOT / "overlays" / overlay
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for resource in kustomization["resources"]:
        assert (folder / resource).exists(), resource
    images = {
        container["image"]
        for (kind, _), document in base().items()
        if kind == "Deployment"
        for container in document["spec"]["template"]["spec"]["containers"]
    }
    assert {image["name"] for image in kustomization["images"]} == images
    for patch in kustomization.get("patches", []):
        (document,) = documents((folder / patch["path"]).read_text())
        target = base()[document["kind"], document["metadata"]["name"]]
        names = {container["name"] for container in target["spec"]["template"]["spec"]["containers"]}
        assert {container["name"] for container in document["spec"]["template"]["spec"]["containers"]} <= names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_output_of_kustomize_is_valid_and_finds_its_secrets(overlay: str) -> None:
    kubectl = shutil.which("kubectl") or shutil.which("kustomize")
    if kubectl is None:
        pytest.skip("no kubectl and no kustomize: the manifests themselves are validated above")
    command = [
        kubectl,
        *(["kustomize"] if kubectl.endswith("kubectl") else ["build"]),
        str(ROOT / "overlays" / overlay),
    ]
    built = documents(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for document in built:
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)
    for document in (entry for entry in built if entry["kind"] == "Deployment"):
        pod = document["spec"]["template"]["spec"]
        files = {item["path"] for volume in pod["volumes"] for item in volume.get("secret", {}).get("items", [])}
        variables = {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]}
        wanted = {Path(value).name for name, value in variables.items() if name.endswith("_FILE")}
        assert wanted == files, document["metadata"]["name"]
    assert any(document["kind"] == "HorizontalPodAutoscaler" for document in built) == (overlay == "scaled")


def test_callers_see_every_replica_probes_ask_the_health_and_nothing_runs_as_root() -> None:
    objects = base()
    assert objects["Service", "antiphon"]["spec"]["clusterIP"] == "None"
    pod = objects["Deployment", "antiphon"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["grpc"] == {"port": 50551, "service": "antiphon.v1.OperationsService"}
    assert container["livenessProbe"]["grpc"] == {"port": 50551}
    assert objects["Deployment", "antiphon-bot"]["spec"]["strategy"]["type"] == "Recreate"
    for (kind, _), document in objects.items():
        if kind == "Deployment":
            pod = document["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"]
            assert not any(
                "SECRET" in str(variable).upper() and "valueFrom" in variable
                for variable in pod["containers"][0]["env"]
            )
            assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
