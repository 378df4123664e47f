"""A patient's resources: those that the client sent with the request first, the rest read from its FHIR server."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote

from acrcast.errors import InputError, Problem
from acrcast_service.cds_hooks.discovery import PATIENT
from acrcast_service.cds_hooks.fhir_server import FhirReader, FhirServers, Unreadable, next_page
from acrcast_service.cds_hooks.requests import HookRequest
from acrcast_service.cds_hooks.resources import Resource, address_of, entries, members

# Members by which a resource names the patient that it is about.
ABOUT = ("subject", "patient")


class DataMissing(Exception):  # noqa: N818  what the client is told, as 412
    """Keys that were neither prefetched nor could be read, each with the reason."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = reasons
        super().__init__("data missing")


async def gathered(queries: Mapping[str, str], request: HookRequest, servers: FhirServers) -> list[Resource]:
    """Everything that the queries ask for. A key that the client sent as null has nothing.

    Raises DataMissing when some of it cannot be had, InputError when something is about another patient, HttpProblem
    (503) while too much is being read for others.
    """
    keys = list(queries)
    with _reader(keys, request, servers) as reader:
        found = await asyncio.gather(*(_of_key(key, queries[key], request, reader) for key in keys))
    reasons = {key: got for key, got in zip(keys, found, strict=True) if isinstance(got, str)}
    if reasons:
        raise DataMissing(reasons)
    # a client may send a Patient without its id, which the context has
    own = {"id": request.context.patient_id}
    resources = [
        own | resource if resource.get("resourceType") == "Patient" else resource
        for got in found
        if not isinstance(got, str)
        for resource in got
    ]
    _refuse_other_patients(resources, request.context.patient_id)
    return resources


@contextmanager
def _reader(keys: Iterable[str], request: HookRequest, servers: FhirServers) -> Iterator[FhirReader | str]:
    """What reads from the client's FHIR server, or why nothing is read from it."""
    sent = request.prefetch or {}
    if all(key in sent and next_page(sent[key] or {}) is None for key in keys):
        yield "all of it was sent"
    elif request.fhir_server is None:
        yield "no FHIR server was named from which it could be read"
    else:
        token = request.fhir_authorization.access_token if request.fhir_authorization is not None else None
        with ExitStack() as stack:
            try:
                reader: FhirReader | str = stack.enter_context(servers.reader(request.fhir_server, token))
            except Unreadable as reason:
                reader = str(reason)
            yield reader


async def _of_key(key: str, query: str, request: HookRequest, reader: FhirReader | str) -> list[Resource] | str:
    """The resources of one key, or why they cannot be had."""
    sent = request.prefetch or {}
    try:
        if key in sent:
            first = sent[key]
            if first is None:
                return []
        elif isinstance(reader, str):
            return f"it was not prefetched, and {reader}"
        else:
            filled = query.replace(PATIENT, request.context.patient_id)
            # some servers refuse a bare | in an address
            first = await reader.read(quote(filled, safe="/?&=:,"))
        return [resource async for page in _pages(first, reader) for resource in _resources(page)]
    except Unreadable as reason:
        return str(reason)


async def _pages(first: Resource, reader: FhirReader | str) -> AsyncIterator[Resource]:
    yield first
    if next_page(first) is None:
        return
    if isinstance(reader, str):
        raise Unreadable(f"it goes on on another page, and {reader}")
    async for page in reader.pages(first):
        yield page


def _resources(page: Resource) -> Iterator[Resource]:
    """Those of a Bundle, or the one resource. Raises Unreadable for a failure that stands in their place."""
    for resource in entries(page) if page.get("resourceType") == "Bundle" else [page]:
        if resource.get("resourceType") == "OperationOutcome":
            if _is_failure(resource):
                raise Unreadable("the record system answered with an error in its place")
        else:
            yield resource


def _is_failure(outcome: Resource) -> bool:
    """A search may say something about itself beside its results: information and warnings are no failure."""
    severities = [issue.get("severity") for issue in members(outcome, "issue")]
    return not severities or "error" in severities or "fatal" in severities


def _refuse_other_patients(resources: list[Resource], patient_id: str) -> None:
    """Raises InputError when a resource is another patient's: a mix-up must not become a prediction."""
    for resource in resources:
        if resource.get("resourceType") == "Patient":
            same = resource["id"] == patient_id
        else:
            same = all(_names(resource[member], patient_id) for member in ABOUT if member in resource)
        if not same:
            raise InputError([Problem("prefetch", "expected resources of the patient in context.patientId alone")])


def _names(reference: Any, patient_id: str) -> bool:  # noqa: ANN401  whatever was sent
    """Whether a Reference is to the patient; one without an address is not to anybody else."""
    address = address_of(reference)
    return address is None or address.partition("/_history/")[0].split("/")[-2:] == ["Patient", patient_id]
