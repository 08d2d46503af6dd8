"""Makes what a release consists of, in dist/: wheel and source, SBOM, provenance, checksums, signatures.

Works without a network once `make` has fetched the build's packages; only the upload needs one.

    python -m tools.release [--out FOLDER] [--key FILE] [--draft]

Everything is built twice and must be the same, byte for byte. --key is an SSH key of the maintainer; ssh-keygen signs.
--draft allows a tree with changes and a release without a signature.
"""

import argparse
import datetime as dt
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tools.audit import licence

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("build", "bot", "run", "service")
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)
NAMESPACE = "antiphon"  # of the signatures


class ReleaseProblem(Exception):
    """The release cannot be made; the text says why."""


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build(out: Path, epoch: str) -> list[Path]:
    """Wheel and source archive, by locked tools."""
    uv = str(Path(sys.executable).parent / "uv")
    command = [uv, "build", "--quiet", "--out-dir", str(out)]
    command += ["--build-constraints", str(ROOT / "requirements/build.lock"), "--require-hashes", str(ROOT)]
    environ = {name: text for name, text in os.environ.items() if name != "VIRTUAL_ENV"}
    environ |= {"SOURCE_DATE_EPOCH": epoch, "PYTHONHASHSEED": "0"}
    for offline in (["--offline"], []):
        done = subprocess.run([*command, *offline], check=False, env=environ, capture_output=True, text=True)
        if done.returncode == 0:
            return sorted(path for path in out.iterdir() if path.suffix in (".whl", ".gz"))
    raise ReleaseProblem(f"the build failed:\n{done.stderr}")


def check_same(first: list[Path], second: list[Path]) -> None:
    for first_file, second_file in zip(first, second, strict=True):
        if first_file.name != second_file.name or sha256(first_file) != sha256(second_file):
            raise ReleaseProblem(f"{first_file.name} differs between two builds of the same source")


def sbom(version: str, moment: dt.datetime, wheel: Path) -> str:
    """CycloneDX 1.6: every locked package that an install of Antiphon may contain."""
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"antiphon/{version}/{sha256(wheel)}"))
    bom.metadata.timestamp = moment
    bom.metadata.component = Component(
        name="antiphon",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref="antiphon",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(wheel))],
    )
    lines = dict(PINNED.findall((ROOT / "requirements/run.lock").read_text()))
    for name, pinned in sorted(lines.items()):
        purl = PackageURL("pypi", name=name.lower(), version=pinned)
        words = licence_of(name)
        licences = [DisjunctiveLicense(name=words)] if words else []
        component = Component(name=name, version=pinned, purl=purl, bom_ref=purl.to_string(), licenses=licences)
        bom.components.add(component)
    bom.register_dependency(bom.metadata.component, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ReleaseProblem(f"the SBOM is not valid CycloneDX: {error}")
    return text


def licence_of(name: str) -> str:
    try:
        return licence(metadata.distribution(name))[:200]
    except metadata.PackageNotFoundError:  # of another platform
        return ""


def provenance(subjects: list[Path], commit: str, moment: dt.datetime) -> dict[str, Any]:
    """An in-toto statement in the form of SLSA: what was built from what, and by which tools."""
    locks = [ROOT / "requirements" / f"{name}.lock" for name in LOCKS]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": sha256(path)}} for path in subjects],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "make release",
                "externalParameters": {"source": {"commit": commit}},
                "resolvedDependencies": [
                    {"name": "source", "digest": {"gitCommit": commit}},
                    *({"name": path.name, "digest": {"sha256": sha256(path)}} for path in locks),
                ],
            },
            "runDetails": {
                "builder": {"id": "the maintainer's machine", "version": {"python": sys.version.split()[0]}},
                "metadata": {"startedOn": moment.isoformat()},
            },
        },
    }


def sign(paths: list[Path], key: Path) -> None:
    for path in paths:
        path.with_name(f"{path.name}.sig").unlink(missing_ok=True)
        done = subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(path)],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise ReleaseProblem(f"{path.name} could not be signed: {done.stderr.strip()}")


def release(out: Path, key: Path | None, *, draft: bool) -> list[Path]:
    if not draft and git("status", "--porcelain"):
        raise ReleaseProblem("the tree has changes that are not committed; --draft builds it all the same")
    if not draft and key is None:
        raise ReleaseProblem("name the key to sign with: make release KEY=…; --draft makes a release without")
    out.mkdir(parents=True, exist_ok=True)
    commit, epoch = git("rev-parse", "HEAD"), git("log", "-1", "--format=%ct")
    moment = dt.datetime.fromtimestamp(int(epoch), dt.UTC)
    with tempfile.TemporaryDirectory() as again:
        built = build(out, epoch)
        check_same(built, build(Path(again), epoch))
    wheel = next(path for path in built if path.suffix == ".whl")
    version = wheel.name.split("-")[1]
    files = [*built, out / f"antiphon-{version}.cdx.json", out / f"antiphon-{version}.provenance.json"]
    files[-2].write_text(sbom(version, moment, wheel) + "\n")
    files[-1].write_text(json.dumps(provenance(files[:-1], commit, moment), indent=2) + "\n")
    sums = out / "SHA256SUMS"
    sums.write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files))
    if key is not None:
        sign([*files, sums], key)
    return [*files, sums]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make release")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--draft", action="store_true")
    arguments = parser.parse_args()
    try:
        files = release(arguments.out, arguments.key, draft=arguments.draft)
    except (ReleaseProblem, subprocess.CalledProcessError) as problem:
        print(problem, file=sys.stderr)
        return 1
    for path in files:
        print(f"{sha256(path)}  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
