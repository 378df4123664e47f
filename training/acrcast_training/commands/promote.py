"""`acrcast promote`: which version of a registered model serves."""

import click


@click.command("promote")
@click.argument("name")
@click.argument("version", type=click.IntRange(min=1))
@click.option(
    "--alias", default="champion", show_default=True, help="champion is what serves; challenger is compared with it."
)
@click.option("--reason", metavar="TEXT", help="Why; recorded with the version.")
@click.option(
    "--tracking-uri", metavar="URI", help="MLflow store. [default: MLFLOW_TRACKING_URI, or SQLite in .acrcast]"
)
def promote(name: str, version: int, alias: str, reason: str | None, tracking_uri: str | None) -> None:
    """Make a registered version the champion (or another alias).

    \b
    Example:
      acrcast promote acr20 3 --reason "retrained on 120 more patients"
    """
    from acrcast_training.tracking import set_alias

    set_alias(name, version, alias, reason=reason, store=tracking_uri)
    click.echo(f"models:/{name}@{alias} is version {version}. Serve it: acrcast serve --model models:/{name}@{alias}")
