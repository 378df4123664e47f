"""The resources of a request or an answer, each with the place where it stands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from acrcast.errors import InputError, Problem
from acrcast_service.fhir.elements import Resource

# What holds resources as they are; the others ask for something to be done, or tell what was.
BUNDLE_TYPES = ("searchset", "collection", "document")


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource. place: where it stands, as FHIRPath writes it. full_url: under which its Bundle has it."""

    resource: Resource
    place: str
    full_url: str | None = None

    @property
    def type(self) -> str:
        kind = self.resource.get("resourceType")
        return kind if isinstance(kind, str) else ""

    @property
    def name(self) -> str | None:
        """As another resource refers to it: `Observation/17`, or its address; None when it has none."""
        if isinstance(self.full_url, str):
            return self.full_url
        own = self.resource.get("id")
        return f"{self.type}/{own}" if isinstance(own, str) and own else None


def entries_of(resources: Iterable[object], place: str = "") -> list[Entry]:
    """Entries of resources without a Bundle, those that are nothing left out. place: of the list."""
    listed = ((i, resource) for i, resource in enumerate(resources) if isinstance(resource, dict))
    return [Entry(resource, f"{place or resource.get('resourceType', 'resource')}[{i}]") for i, resource in listed]


def entries_of_bundle(bundle: Resource, place: str = "Bundle") -> list[Entry]:
    """The resources of a Bundle; what a search says of itself is left out.

    Raises InputError for a Bundle of another type, for one that is a page of several, and for an entry without a resource.
    """
    if bundle.get("type") not in BUNDLE_TYPES:
        raise InputError([Problem(f"{place}.type", f"expected a Bundle of type {', '.join(BUNDLE_TYPES)}")])
    if is_one_page_of_several(bundle):
        message = "this Bundle is one page of several, and what is missing may be newer: send all of them in one"
        raise InputError([Problem(f"{place}.link", message, code="incomplete")])
    listed = bundle.get("entry", [])
    if not isinstance(listed, list):
        raise InputError([Problem(f"{place}.entry", "expected a list")])
    return list(_entries(listed, place))


def is_one_page_of_several(bundle: Resource) -> bool:
    links = bundle.get("link")
    listed = links if isinstance(links, list) else []
    return any(isinstance(link, dict) and link.get("relation") in ("next", "previous", "prev") for link in listed)


def _entries(listed: list[object], place: str) -> Iterator[Entry]:
    for i, entry in enumerate(listed):
        here = f"{place}.entry[{i}].resource"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(resource, dict):
            raise InputError([Problem(here, "expected a resource")])
        if not isinstance(resource.get("resourceType"), str):
            raise InputError([Problem(f"{here}.resourceType", "required in FHIR R4")])
        search, address = entry.get("search"), entry.get("fullUrl")
        if isinstance(search, dict) and search.get("mode") == "outcome":
            continue
        yield Entry(resource, here, address if isinstance(address, str) else None)
