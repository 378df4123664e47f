"""`acrcast serve`."""

import gc

import click


@click.command()
@click.option(
    "--model",
    metavar="M",
    help="Folder of the model, or an MLflow URI such as models:/acr20@champion [the released one]",
)
@click.option("--study", metavar="S", help="Key of a study, or the path of your own study's .py file [the model's]")
@click.option("--host", metavar="H", help="Address to listen on [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), metavar="P", help="Port; 0 takes any free one [8000]")
@click.option("--workers", type=click.IntRange(1, 256), metavar="N", help="Server processes [1]")
def serve(model: str | None, study: str | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Answer POST /predict over HTTP.

    Every option can also be an environment variable: ACRCAST_MODEL, ACRCAST_STUDY, ACRCAST_HOST, ACRCAST_PORT,
    ACRCAST_WORKERS. docs/running.md has all settings, and what to do before anybody relies on a server.

    \b
    Examples:
      acrcast serve
      acrcast serve --model models:/acr20@champion --port 8080 --workers 2
    """
    # what is made until the server has started stays: looking for what may go would take a tenth of the time
    gc.disable()
    from acrcast_service.server import run
    from acrcast_service.settings import read_settings

    run(read_settings(model=model, study=study, host=host, port=port, workers=workers))
