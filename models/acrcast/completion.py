"""`acrcast completion`: the script by which a shell completes commands, options and their choices."""

import click
from click.shell_completion import get_completion_class

from acrcast.errors import AcrcastError

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "acrcast"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete acrcast's commands and options.

    \b
    Examples:
      acrcast completion bash >> ~/.bashrc
      acrcast completion zsh >> ~/.zshrc
      acrcast completion fish > ~/.config/fish/completions/acrcast.fish
    """
    completer = get_completion_class(shell)
    if completer is None:
        raise AcrcastError(f"click knows no completion for {shell}")
    click.echo(completer(ctx.find_root().command, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source())
