"""`acrcast studies`: which studies there are, and what each measures."""

import click


@click.command("studies")
@click.argument("study", required=False)
def studies(study: str | None) -> None:
    """List the studies that ship, or show one study's fields.

    STUDY is a shipped key or the path of your own study's file.

    \b
    Examples:
      acrcast studies
      acrcast studies ld-il2-ra
    """
    from acrcast.studies import load_study, shipped_studies
    from acrcast_training.console import table

    if study is None:
        found = [load_study(key) for key in shipped_studies()]
        table(
            ("Study", "title", "endpoint", "arms"),
            [(s.key, s.title, s.endpoint.title, str(len(s.arms))) for s in found],
        )
        return
    chosen = load_study(study)
    click.echo(
        f"{chosen.title}\nEndpoint: {chosen.endpoint.title}\nArms: {', '.join(arm.key for arm in chosen.arms)}\n"
    )
    rows = [(f.name, f.measure.label, f.expected, "required" if f.required else "optional") for f in chosen.contract]
    table(("Field", "label", "expected", ""), rows)
