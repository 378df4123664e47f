"""The page: tables, pictures and checklists of one model put into the template."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import jinja2

from acrcast import artefact, pictures
from acrcast.artefact import Manifest
from acrcast.claims import not_to_be_claimed
from acrcast.response_model import ResponseModel
from acrcast.studies import Study
from acrcast_training.report import tables
from acrcast_training.report.facts import Facts
from acrcast_training.report.probast import Check, probast
from acrcast_training.report.tripod import tripod

ANSWERED_BY = {"run": "the run", "part": "the run, in part", "person": "a person"}


HEADINGS = {
    "both": "Development and evaluation",
    "development": "Development",
    "evaluation": "Evaluation",
    "further": "Further questions",
}


def report_on(folder: Path, study: Study | None = None) -> str:
    """The report on the model of a folder. study: needed for a study of your own. Raises what `artefact.load` raises."""
    model = artefact.load(folder, study)
    manifest = artefact.Manifest.model_validate_json((folder / artefact.MANIFEST).read_bytes())
    return render(model, manifest)


def render(model: ResponseModel, manifest: Manifest) -> str:
    """The whole HTML file. manifest: of the model's artefact. Raises UsageError for a model without evidence."""
    facts = Facts(model, manifest)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("acrcast_training.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = tables.shown
    environment.filters["by_domain"] = _by_domain
    return environment.get_template("report.html.j2").render(
        facts=facts,
        model=model,
        study=model.study,
        manifest=manifest,
        card=model.card,
        evidence=model.evidence,
        tables=tables,
        pictures=pictures,
        claims=not_to_be_claimed(model),
        items=tripod(facts),
        checks=probast(facts),
        answered_by=ANSWERED_BY,
    )


def _by_domain(checks: Sequence[Check]) -> list[tuple[str, list[Check]]]:
    """Checks under the heading of their part and domain, in their order."""
    headed = groupby(checks, key=lambda check: ": ".join(filter(None, (HEADINGS[check.part], check.domain))))
    return [(heading, list(group)) for heading, group in headed]
