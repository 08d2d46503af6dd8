"""`make release`: the same bytes twice, everything listed, everything signed."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def made(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.release", "--out", str(out), *more]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def pinned(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    return {name.lower(): version for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)}


@pytest.mark.timeout(300)
def test_a_release_is_reproducible_listed_and_signed(tmp_path: Path) -> None:
    key, out = tmp_path / "key", tmp_path / "dist"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    done = made(out, "--draft", "--key", str(key))  # it builds twice and compares
    assert done.returncode == 0, done.stderr
    files = {path.name: path for path in out.iterdir() if path.suffix in (".whl", ".gz", ".json")}
    assert sorted(re.sub(r"-[\d.]+(?=[-.][a-z])", "", name) for name in files) == [
        "antiphon-py3-none-any.whl",
        "antiphon.cdx.json",
        "antiphon.provenance.json",
        "antiphon.tar.gz",
    ]
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    sums = dict(line.split("  ")[::-1] for line in (out / "SHA256SUMS").read_text().splitlines())
    assert sums == digests

    sbom = json.loads(next(path for name, path in files.items() if name.endswith("cdx.json")).read_text())
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert {part["name"].lower(): part["version"] for part in sbom["components"]} == pinned("run")

    statement = json.loads(next(path for name, path in files.items() if "provenance" in name).read_text())
    subjects = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
    assert subjects == {name: digest for name, digest in digests.items() if "provenance" not in name}
    sources = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert re.fullmatch("[0-9a-f]{40}", sources[0]["digest"]["gitCommit"])
    assert {source["name"] for source in sources[1:]} == {"build.lock", "bot.lock", "run.lock", "service.lock"}

    (tmp_path / "signers").write_text(f"maintainer {key.with_suffix('.pub').read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "signers"), "-I", "maintainer", "-n", "antiphon"]
    for path in (*files.values(), out / "SHA256SUMS"):
        for content, right in ((path.read_bytes(), True), (path.read_bytes() + b"x", False)):
            checked = subprocess.run([*verify, "-s", f"{path}.sig"], input=content, check=False, capture_output=True)
            assert (checked.returncode == 0) is right


def test_nothing_unsigned_is_called_a_release(tmp_path: Path) -> None:
    done = made(tmp_path / "dist")
    assert done.returncode == 1
    assert "not committed" in done.stderr or "key to sign with" in done.stderr
    assert not (tmp_path / "dist").exists()


def test_the_build_requirements_are_locked() -> None:
    named = re.search(r"^requires = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert named is not None
    sources = (ROOT / "requirements/build.in").read_text()
    locked = pinned("build")
    for requirement in json.loads(named[1]):
        assert requirement in sources
        assert re.split("[>=]", requirement)[0] in locked
    assert f"uv=={locked['uv']}" in sources
    text = (ROOT / "requirements/build.lock").read_text()
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[\w.-]+==)", text))
