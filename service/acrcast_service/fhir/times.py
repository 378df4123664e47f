"""Dates and times as FHIR writes them (R4, datatypes): often no more than a day, a month or a year."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

# A date without a zone is a day somewhere: it begins first in the east and ends last in the west.
EASTERNMOST, WESTERNMOST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))

DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class FhirTime:
    """What a date or time leaves open. first, last: the moments between which it lies, the same for a time.

    text: as it was sent.

    first_day, day: the first day that it may be, and the one in the middle, in the place where it was said.
    """

    text: str
    first: datetime
    last: datetime
    first_day: date
    day: date
    is_to_the_day: bool


def parse_time(text: str) -> FhirTime:
    """Raises ValueError for what is no FHIR date, dateTime or instant: among it a time without its zone."""
    found = DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError(
            "expected YYYY, YYYY-MM, YYYY-MM-DD or a time with seconds and zone, such as 2026-03-01T08:30:00Z"
        )
    try:
        return _of(text, *found.groups())
    except (ValueError, OverflowError):
        raise ValueError("expected a day that there is") from None


def _of(
    text: str,
    year: str,
    month: str | None,
    day: str | None,
    hour: str | None,
    minute: str | None,
    second: str | None,
    zone: str | None,
) -> FhirTime:
    if hour is not None and minute is not None and second is not None and zone is not None:
        # a leap second is the end of its minute
        moment = datetime.fromisoformat(f"{text[:17]}{min(int(second), 59):02d}{zone.replace('Z', '+00:00')}")
        return FhirTime(text, moment, moment, moment.date(), moment.date(), is_to_the_day=True)
    first = date(int(year), int(month or 1), int(day or 1))
    if day is not None:
        after = first + timedelta(days=1)
    elif month is not None:
        after = (first + timedelta(days=31)).replace(day=1)
    else:
        after = date(first.year + 1, 1, 1)
    return FhirTime(
        text,
        datetime(first.year, first.month, first.day, tzinfo=EASTERNMOST).astimezone(UTC),
        datetime(after.year, after.month, after.day, tzinfo=WESTERNMOST).astimezone(UTC),
        first,
        first + (after - first) // 2 if day is None else first,
        is_to_the_day=day is not None,
    )


def completed_years(born: date, on: date) -> int:
    """Age as people say it."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def years_between(first: date, last: date) -> float:
    """To two decimals."""
    return round((last - first).days / 365.25, 2)
