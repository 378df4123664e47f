"""`acrcast report`: everything that is known of a model, as one page."""

from pathlib import Path

import click

from acrcast.console import json_option, write_json
from acrcast.errors import UsageError


@click.command("report")
@click.option("--model", "model_name", metavar="M", help="Folder or MLflow URI. [default: the released model]")
@click.option("--study", metavar="S", help="The study's file, for a study of your own.")
@click.option(
    "--out",
    "target",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="F",
    help="Where to write: a name that ends in .html.",
)
@json_option
def report(model_name: str | None, study: str | None, target: Path, *, as_json: bool) -> None:
    """Write the report on a model: one HTML file that needs nothing else.

    Who was learned from, how the model was chosen, its figures corrected for optimism, its pictures, what may not be
    claimed, TRIPOD+AI item by item, and checks after PROBAST+AI. It holds summaries and no patient.

    \b
    Example:
      acrcast report --model .acrcast/models/auranofin-ra --out report.html
    """
    from acrcast.studies import load_study
    from acrcast_training.models import local_folder
    from acrcast_training.report import report_on

    if target.suffix.lower() != ".html":
        raise UsageError(f"{target}: give a file that ends in .html")
    with local_folder(model_name) as folder:
        page = report_on(folder, load_study(study) if study else None)
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    if as_json:
        write_json({"file": str(target)})
    else:
        click.echo(f"Report: {target}")
