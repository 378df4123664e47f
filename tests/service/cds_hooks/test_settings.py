"""What an operator sets for CDS Hooks: read, handed to workers, and refused in words."""

import pytest

from acrcast.errors import UsageError
from acrcast_service.settings import PREFIX, read_settings

LISTS = {
    "cors_origins": "https://ehr.test http://127.0.0.1:9000",
    "fhir_servers": "https://fhir.test/r4 http://127.0.0.1:8103/fhir",
    "fhir_networks": "10.20.0.0/16 fd00::/8",
    "public_url": "https://cds.test/acrcast",
}


def test_lists_are_read_and_handed_on_to_workers_as_they_are_written(monkeypatch):
    settings = read_settings(**LISTS)
    assert settings.fhir_servers == ("https://fhir.test/r4", "http://127.0.0.1:8103/fhir")
    handed = settings.model_dump(exclude_none=True)
    assert {name: handed[name] for name in LISTS} == LISTS
    for name in LISTS:
        monkeypatch.setenv(PREFIX + name.upper(), str(handed[name]))
    assert read_settings() == settings


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("cors_origins", "*", "expected https://HOST or https://HOST:PORT, and nothing after it"),
        ("cors_origins", "https://ehr.test/", "expected https://HOST or https://HOST:PORT, and nothing after it"),
        ("cors_origins", "https://ehr.test null", "expected https://HOST or https://HOST:PORT, and nothing after it"),
        ("fhir_servers", "http://fhir.test/r4", "expected https:// (http:// only on this machine)"),
        ("fhir_servers", "https://fhir.test/r4/", "expected https://HOST or https://HOST/PATH, without a slash"),
        ("fhir_servers", "https://user@fhir.test/r4", "expected https://HOST or https://HOST/PATH, without a slash"),
        ("fhir_networks", "10.20.0.1/16", "has host bits set"),
        ("public_url", "cds.test", "expected https://HOST or https://HOST/PATH, without a slash"),
        ("public_url", "https://cds.test/?a=b", "expected https://HOST or https://HOST/PATH, without a slash"),
    ],
)
def test_what_is_wrong_is_bad_usage_that_names_the_variable(setting, value, said):
    with pytest.raises(UsageError) as error:
        read_settings(**{setting: value})
    assert str(error.value).startswith(f"{PREFIX}{setting.upper()}: ")
    assert said in str(error.value)
