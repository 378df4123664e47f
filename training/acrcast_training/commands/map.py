"""`acrcast map`: propose how tables as they were delivered become a study's."""

from collections.abc import Sequence
from pathlib import Path

import click

from acrcast.console import json_option, write_json
from acrcast.errors import UsageError
from acrcast_training.commands.options import DATA_FILE, study_option


@click.command("map")
@study_option
@click.option(
    "--in", "sources", required=True, multiple=True, type=DATA_FILE, metavar="F", help="A table; may be repeated."
)
@click.option(
    "--out", "target", required=True, type=click.Path(path_type=Path), metavar="M", help="New file, such as map.toml."
)
@json_option
def map_tables(study: str, sources: Sequence[Path], target: Path, *, as_json: bool) -> None:
    """Propose how tables as they were delivered become a study's.

    Reads the tables and writes a mapping: which column or ADaM parameter is which measure, in which unit, which code means
    what, which visit is which week. Names, labels and units are gone by. What they do not tell is a question in the file, a
    "?"; a guess is a "?" with an answer behind it. A number as a code is never guessed. Answer them in an editor, then give
    the file as --map.

    \b
    Examples:
      acrcast map --study my_study.py --in trial.sas7bdat --out map.toml
      acrcast map --study ld-il2-ra --in adsl.xpt --in adqs.xpt --in adlb.xpt --out map.toml
    """
    from acrcast.studies import load_study
    from acrcast_training.data.mapping.proposing import proposal, questions
    from acrcast_training.data.mapping.reading import read_all

    if target.exists():
        raise UsageError(f"{target} is there already: give a new file, so that no answer is lost")
    chosen = load_study(study)
    tables = read_all(sources)
    text = proposal(chosen, tables)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    notes = [note for table in tables for note in table.notes]
    asked = questions(text)
    if as_json:
        write_json({"file": str(target), "questions": asked, "notes": notes})
        return
    for note in notes:
        click.echo(f"Note: {note}")
    click.echo(f"Mapping: {target}, {asked} question{'' if asked == 1 else 's'} to answer")
    click.echo('Open it, answer each "?", and check the rest; then give it as --map.')
