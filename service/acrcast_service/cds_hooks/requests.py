"""What a CDS Hooks client sends, read strictly where it matters and past everything else (CDS Hooks 2.0, HTTP Request)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from acrcast.errors import InputError, Problem
from acrcast_service.cds_hooks.resources import Resource
from acrcast_service.strict_json import read_json

# FHIR R4, datatypes: id.
FhirId = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
EXPECTED = {
    "hook": "the hook of the service",
    "hookInstance": "a UUID",
    "fhirServer": "the base URL of the FHIR server, at most 2000 characters",
    "fhirAuthorization": "an object with access_token, token_type Bearer, expires_in, scope and subject, and fhirServer beside it",
    "context": "an object with patientId, and for order-select selections and draftOrders",
    "prefetch": "an object of FHIR resources or null, by the keys of the service",
}


class _Sent(BaseModel):
    # a client may send more: it is not looked at
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class FhirAuthorization(_Sent):
    """How the FHIR server may be read.

    access_token: good for the FHIR server and for nothing else; it is neither kept nor logged. token_type: always Bearer.
    expires_in: seconds. scope: what may be read. subject: the id of this client. patient: whose record may be read.
    """

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,8192}$", repr=False)]
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    subject: str
    patient: FhirId | None = None


class Context(_Sent):
    """Whose record it is.

    patientId: of the FHIR server. selections, draftOrders: of order-select; not looked at elsewhere.
    """

    patient_id: Annotated[FhirId, Field(alias="patientId")]
    selections: list[str] = []
    draft_orders: Annotated[Resource | None, Field(alias="draftOrders")] = None


class HookRequest(_Sent):
    """A call of a service.

    hook: that of the service. hookInstance: a UUID for this call. context: whose record it is.
    fhirServer: where what was not sent is read, if it is listed. fhirAuthorization: how it may be read.
    prefetch: what the service asks for, by key; a key may be missing, null, an error of the client's, or the first page of several.
    """

    hook: str
    hook_instance: Annotated[str, Field(alias="hookInstance", pattern=UUID)]
    context: Context
    fhir_server: Annotated[str | None, Field(alias="fhirServer", max_length=2000)] = None
    fhir_authorization: Annotated[FhirAuthorization | None, Field(alias="fhirAuthorization")] = None
    prefetch: dict[str, Resource | None] | None = None

    @model_validator(mode="after")
    def _token_has_a_server(self) -> "HookRequest":
        if self.fhir_authorization is not None and self.fhir_server is None:
            raise ValueError("fhirServer")
        return self


def read_request(body: bytes) -> HookRequest:
    """Raises HttpProblem (400) when it is not JSON, InputError with what was expected of each member."""
    try:
        return HookRequest.model_validate(read_json(body))
    except ValidationError as error:
        places = (item["loc"][:1] for item in error.errors(include_url=False, include_input=False))
        names = dict.fromkeys(str(place[0]) if place else "fhirAuthorization" for place in places)
        raise InputError([_problem(name) for name in names]) from None


def _problem(name: str) -> Problem:
    if name in EXPECTED:
        return Problem(name, f"expected {EXPECTED[name]}")
    return Problem("", f"expected an object with {', '.join(EXPECTED)}")
