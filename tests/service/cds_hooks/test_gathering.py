"""A patient's resources, sent or fetched, against a FHIR server that really misbehaves (CDS Hooks 2.0, Providing FHIR Resources)."""

import asyncio
import socket
import time
from contextlib import closing

import httpcore
import pytest

from acrcast.errors import InputError
from acrcast_service.cds_hooks.fhir_server import FhirServers
from acrcast_service.cds_hooks.network import CheckedNetwork
from acrcast_service.cds_hooks.prefetch import DataMissing, gathered
from acrcast_service.cds_hooks.requests import HookRequest
from acrcast_service.problems import OVERLOADED, HttpProblem
from acrcast_service.settings import Settings

from .fhir_fake import MisbehavingFhir, breaking_off, redirecting, saying, slow

QUERIES = {"patient": "Patient/{{context.patientId}}", "observations": "Observation?patient={{context.patientId}}"}
PATIENT = {"resourceType": "Patient", "id": "p1"}
TOKEN = {
    "access_token": "t0ken",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "user/*.read",
    "subject": "acrcast",
}


def observation(name, patient="Patient/p1"):
    return {"resourceType": "Observation", "id": name, "subject": {"reference": patient}}


def bundle(*resources, following=None):
    links = [{"relation": "self", "url": "https://ehr.test/"}]
    links += [{"relation": "next", "url": following}] if following else []
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": links,
        "entry": [{"resource": each} for each in resources],
    }


@pytest.fixture
def fhir():
    with closing(MisbehavingFhir()) as server:
        server.answers = {"Patient/p1": PATIENT, "Observation": bundle(observation("o1"))}
        yield server


@pytest.fixture
def gather(fhir):
    """What is gathered for a request, through real connections; the FHIR server is listed unless another list is given."""

    def run(prefetch=None, server=None, listed=None, token=TOKEN, queries=QUERIES, **settings):
        named = {"fhirServer": server or fhir.base, "fhirAuthorization": token}
        request = HookRequest.model_validate(
            {
                "hook": "patient-view",
                "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
                "context": {"patientId": "p1"},
            }
            | {"prefetch": prefetch}
            | ({} if server == "none" else named)
        )

        async def inside():
            servers = FhirServers(Settings(fhir_servers=listed or (fhir.base,), **settings))
            try:
                return await gathered(queries, request, servers)
            finally:
                await servers.close()

        return [resource["id"] for resource in asyncio.run(inside())]

    return run


@pytest.fixture
def missing(gather):
    """Why the observations could not be had."""

    def run(**how):
        with pytest.raises(DataMissing) as error:
            gather({"patient": PATIENT} | how.pop("prefetch", {}), **how)
        (reason,) = error.value.reasons.items()
        return reason

    return run


def test_what_was_prefetched_is_not_fetched(gather, fhir):
    assert gather({"patient": PATIENT, "observations": bundle(observation("o2"))}) == ["p1", "o2"]
    assert fhir.asked == []


def test_what_was_not_prefetched_is_fetched_with_the_token_that_was_sent(gather, fhir):
    assert gather({"patient": PATIENT}) == ["p1", "o1"]
    assert fhir.asked == [("/fhir/Observation?patient=p1", "Bearer t0ken")]


def test_an_open_fhir_server_is_asked_without_a_token(gather, fhir):
    assert gather(token=None) == ["p1", "o1"]
    assert {token for _, token in fhir.asked} == {None}


def test_a_key_that_is_null_has_nothing_and_is_not_fetched(gather, fhir):
    assert gather({"patient": PATIENT, "observations": None}) == ["p1"]
    assert fhir.asked == []


def test_a_bundle_without_entries_has_nothing(gather):
    assert gather({"patient": PATIENT, "observations": {"resourceType": "Bundle", "type": "searchset"}}) == ["p1"]


def test_an_error_in_the_place_of_data_is_believed_and_not_asked_again(missing, fhir):
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    said = ("observations", "the record system answered with an error in its place")
    assert missing(prefetch={"observations": failed}) == said
    assert missing(prefetch={"observations": bundle(failed)}) == said
    assert fhir.asked == []


def test_a_warning_beside_data_is_no_error(gather):
    warning = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}
    assert gather({"patient": PATIENT, "observations": bundle(observation("o2"), warning)}) == ["p1", "o2"]


def test_the_pages_after_the_first_are_fetched_whoever_fetched_the_first(gather, fhir):
    fhir.answers["page2"] = bundle(observation("o2"), following=f"{fhir.base}/page3?at=9")
    fhir.answers["page3"] = bundle(observation("o3"))
    first = bundle(observation("o1"), following=f"{fhir.base}/page2")
    assert gather({"patient": PATIENT, "observations": first}) == ["p1", "o1", "o2", "o3"]
    fhir.answers["Observation"] = first
    assert gather({"patient": PATIENT}) == ["p1", "o1", "o2", "o3"]


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.test/fhir/page2",
        "{base}-of-somebody-else/page2",
        "{base}/../admin",
        "{base}/%2e%2e/admin",
        "{base}/%2E%2E%2Fadmin",
        "{base}@elsewhere.test/page2",
        "//elsewhere.test/page2",
        "file:///etc/passwd",
        "{base}/page2\u00e9",
    ],
)
def test_a_page_that_lies_elsewhere_is_not_fetched(missing, fhir, address):
    paged = bundle(observation("o1"), following=address.format(base=fhir.base))
    said = ("observations", "its next page is not on the FHIR server that this service may read from")
    assert missing(prefetch={"observations": paged}) == said
    assert fhir.asked == []


def test_pages_without_an_end_are_not_followed_for_ever(missing, fhir):
    fhir.answers["Observation"] = bundle(observation("o1"), following=f"{fhir.base}/Observation?again")
    assert missing() == ("observations", "it has more than 20 pages")
    assert len(fhir.asked) == 20


def test_a_page_that_cannot_be_had_is_missed_and_not_passed_over(missing):
    paged = bundle(observation("o1"), following="https://ehr.test/page2")
    reason = "it goes on on another page, and no FHIR server was named from which it could be read"
    assert missing(prefetch={"observations": paged}, server="none") == ("observations", reason)


def test_without_prefetch_and_without_a_server_each_key_is_named(gather):
    with pytest.raises(DataMissing) as error:
        gather(server="none")
    reason = "it was not prefetched, and no FHIR server was named from which it could be read"
    assert error.value.reasons == {"patient": reason, "observations": reason}


@pytest.mark.parametrize("server", ["http://127.0.0.1:1/fhir", "https://evil.test/fhir", "{base}/deeper", "x"])
def test_a_server_that_is_not_listed_is_not_asked(missing, fhir, server):
    reason = "it was not prefetched, and the FHIR server is not one that this service may read from"
    assert missing(server=server.format(base=fhir.base)) == ("observations", reason)
    assert fhir.asked == []


def test_a_slash_at_the_end_makes_no_other_server(gather, fhir):
    assert gather(server=f"{fhir.base}/") == ["p1", "o1"]


def test_a_slow_server_is_waited_for_no_longer_than_was_set(missing, fhir):
    fhir.answers["Observation"] = slow
    began = time.monotonic()
    assert missing(fhir_seconds=0.3) == ("observations", "the FHIR server did not answer within 0.3 seconds")
    assert time.monotonic() - began < 2


def test_a_redirect_is_not_followed(missing, fhir):
    fhir.answers["Observation"] = redirecting(f"{fhir.base}/Patient/p1")
    assert missing() == ("observations", "the FHIR server answered with status 302")
    assert len(fhir.asked) == 1


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_failure_of_the_server_is_named_by_its_status(missing, fhir, status):
    fhir.answers["Observation"] = status
    assert missing() == ("observations", f"the FHIR server answered with status {status}")


def test_of_five_gigabytes_a_few_megabytes_are_read(missing, fhir):
    fhir.answers["Observation"] = fhir.endless
    assert missing() == ("observations", "it is larger than 4 MiB")
    # what was read, and what lay in the buffers of the connection
    assert fhir.sent < 32 * 2**20


def test_the_limit_is_for_all_pages_together(missing, fhir):
    three_megabytes = "x" * 3_000_000
    fhir.answers["Observation"] = bundle({"text": three_megabytes}, following=f"{fhir.base}/page2")
    fhir.answers["page2"] = bundle({"text": three_megabytes})
    assert missing() == ("observations", "it is larger than 4 MiB")
    assert len(fhir.asked) == 2


def test_a_server_that_is_down_is_said_to_be(missing, fhir):
    fhir.close()
    assert missing() == ("observations", "the FHIR server cannot be reached")


def test_an_answer_that_breaks_off_is_no_answer(missing, fhir):
    fhir.answers["Observation"] = breaking_off
    assert missing() == ("observations", "the FHIR server broke off its answer")


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"", b"\xff", b"[" * 100_000])
def test_what_is_no_resource_is_refused(missing, fhir, content):
    fhir.answers["Observation"] = saying(content)
    assert missing() == ("observations", "what the FHIR server answered is no FHIR resource in JSON")


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "id": "p2"},
        observation("o1", "Patient/p2"),
        observation("o1", "Patient/p11"),
        observation("o1", "https://ehr.test/fhir/Patient/p2"),
        observation("o1", "Group/p1"),
        observation("o1", "urn:uuid:d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"),
        {"resourceType": "MedicationStatement", "patient": {"reference": "Patient/p2"}},
    ],
)
def test_what_is_another_patients_is_refused(gather, resource):
    with pytest.raises(InputError) as error:
        gather({"patient": PATIENT, "observations": bundle(observation("o0"), resource)})
    assert error.value.problems[0].message == "expected resources of the patient in context.patientId alone"


@pytest.mark.parametrize("address", ["Patient/p1", "https://ehr.test/fhir/Patient/p1", "Patient/p1/_history/2"])
def test_a_patient_is_known_by_any_address_of_hers(gather, address):
    assert gather({"patient": PATIENT, "observations": bundle(observation("o1", address))}) == ["p1", "o1"]


@pytest.fixture
def resolving(monkeypatch):
    """Every name leads to these addresses."""

    def to(*addresses):
        async def getaddrinfo(_loop, _host, port, **_):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)

    return to


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["10.1.2.3"], ["192.168.0.1"], ["172.16.0.1"], ["169.254.169.254"], ["0.0.0.0"], ["100.64.0.1"],
        ["::1"], ["fe80::1"], ["fd00::1"], ["::ffff:10.1.2.3"], ["224.0.0.1"], ["93.184.216.34", "10.1.2.3"], [],
    ],
)  # fmt: skip
def test_a_name_that_leads_to_a_private_address_is_not_followed(resolving, addresses):
    resolving(*addresses)
    with pytest.raises(httpcore.ConnectError, match="private address"):
        asyncio.run(CheckedNetwork(()).connect_tcp("fhir.hospital.test", 443))


def test_a_private_network_that_is_listed_may_be_reached(resolving, fhir):
    resolving("127.0.0.1")
    port = int(fhir.base.rsplit(":", 1)[1].split("/")[0])

    async def connect():
        stream = await CheckedNetwork(("127.0.0.0/8",)).connect_tcp("fhir.hospital.test", port)
        await stream.aclose()

    asyncio.run(connect())


def test_a_name_that_does_not_exist_cannot_be_reached(missing):
    named = "https://fhir.hospital.invalid/r4"
    assert missing(server=named, listed=(named,)) == ("observations", "the FHIR server cannot be reached")


def test_a_slow_server_keeps_some_waiting_and_the_rest_are_told_at_once(fhir):
    fhir.answers["Observation"] = slow
    request = HookRequest.model_validate(
        {
            "hook": "patient-view",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"patientId": "p1"},
            "fhirServer": fhir.base,
        }
    )

    async def seventeen():
        servers = FhirServers(Settings(fhir_servers=(fhir.base,), fhir_seconds=1))
        waiting = [asyncio.create_task(gathered(QUERIES, request, servers)) for _ in range(16)]
        await asyncio.sleep(0.2)
        began = time.monotonic()
        with pytest.raises(HttpProblem) as refused:
            await gathered(QUERIES, request, servers)
        took = time.monotonic() - began
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        await servers.close()
        return refused.value, took, ended

    refused, took, ended = asyncio.run(seventeen())
    assert (refused.kind, refused.headers) == (OVERLOADED, {"Retry-After": "1"})
    assert took < 0.5
    assert {type(each) for each in ended} == {DataMissing}
