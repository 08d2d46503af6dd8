"""Clients generated from the contract in other languages, built from a clean folder, against the real service."""

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.clients.catalogue import Missing
from tests.clients.stubs import CALLING, descriptors, tried


async def test_the_contract_is_one_set_of_descriptors_with_its_comments(tmp_path: Path) -> None:
    string = FileDescriptorSet.FromString((await descriptors(tmp_path)).read_bytes())
    own = [file for file in string.file if file.package == "antiphon.v1"]
    assert {service.name for file in own for service in file.service} == {"InferenceService", "OperationsService"}
    for file in own:
        options = file.options
        assert all((options.go_package, options.java_package, options.csharp_namespace, options.php_namespace)), (
            file.name
        )
        assert any(place.leading_comments for place in file.source_code_info.location), file.name


@pytest.mark.timeout(900)  # an empty cache of packages, a slow registry
@pytest.mark.parametrize("language", CALLING)
async def test_a_generated_client_calls_the_service(language: str, tmp_path: Path) -> None:
    try:
        command = await CALLING[language](tmp_path / language)
    except Missing as missing:
        pytest.skip(f"no client in {language} here: {missing}")
    await tried(language, command, tmp_path)
