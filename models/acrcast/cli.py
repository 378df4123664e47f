"""The `acrcast` command. Each extra brings its own commands; none is imported before it is called."""

import os
import sys
from importlib.metadata import EntryPoint, entry_points

import click
from click.shell_completion import CompletionItem

import acrcast
from acrcast.errors import AcrcastError

# One line for each command, so that `--help` answers without importing what the commands need.
SUMMARIES = {
    "demo": "Simulate a trial, train, register, serve and predict one patient.",
    "simulate": "Write a simulated trial: baseline, visits and the true risks.",
    "map": "Propose how tables as they were delivered become a study's.",
    "check-data": "Say everything that is wrong with trial data, by file, row and column.",
    "train": "Fit and compare the candidates on trial data; log and register the one chosen.",
    "evaluate": "Judge a fixed model on other patients, and update it when they ask for it.",
    "monitor": "Say whether a served model still does what it promised, from what the audit recorded.",
    "retrain": "Train anew on what is known now, compare with the champion, and register a challenger.",
    "recalibrate": "Update a model as far as new outcomes ask for it, to a model of its own.",
    "report": "Write the report on a model: one HTML file.",
    "promote": "Make a registered version the champion (or another alias).",
    "rollback": "Make the champion what it was before the last promotion.",
    "predict": "Predict for every patient of a file, or of a folder of files.",
    "serve": "Answer POST /predict over HTTP.",
    "keys": "Make, list and revoke the API keys that a server accepts.",
    "audit": "Verify, export, erase: the record of what the server answered.",
    "sample-size": "How many patients a model needs to be developed.",
    "operating-characteristics": "What a trial of n patients can teach, by simulation with known truth.",
    "studies": "List the studies that ship, or show one study's fields.",
    "completion": "Print the script by which a shell completes commands and options.",
}


class Commands(click.Group):
    """Finds commands among the installed extras."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        installed = _entry_points()
        return [name for name in SUMMARIES if name in installed]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        entry = _entry_points().get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"{cmd_name} needs an extra that is not installed ({error.name}): pip install 'acrcast[training,service]'"
            ) from error
        if not isinstance(command, click.Command):
            raise TypeError(f"entry point {cmd_name} is not a command")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands by their summaries, none imported; and the options."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=SUMMARIES[name]) for name in names]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, SUMMARIES[name]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="acrcast.commands")}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(acrcast.__version__, prog_name="acrcast")
def root() -> None:
    """Predict response to treatment from trial data, and say how far the data allow it.

    Exit codes: 0 done, 1 the work failed, 2 bad usage, 3 the input is invalid, 4 a gate refused or monitoring raised an alarm.

    Research use only: not a medical device, not for diagnosis or treatment decisions.
    """


def _one_line(error: click.ClickException) -> str:
    """What is wrong and, of bad usage, which help says more."""
    message = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message.rstrip('.')}; see {error.ctx.command_path} --help"
    return message


def main() -> None:
    """Run the command line: one clear line for each error, and its exit code."""
    # many small matrices: threads of the linear algebra library cost ten times more than they give
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        left_with = root.main(prog_name="acrcast", standalone_mode=False)
        sys.exit(left_with if isinstance(left_with, int) else 0)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except click.Abort:
        click.echo("acrcast: interrupted", err=True)
        sys.exit(1)
    except click.exceptions.NoArgsIsHelpError as help_text:
        help_text.show()
        sys.exit(help_text.exit_code)
    except click.ClickException as error:
        click.echo(f"acrcast: {_one_line(error)}", err=True)
        sys.exit(error.exit_code)
    except AcrcastError as error:
        click.echo(f"acrcast: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # the reader of a pipe went away, as `head` does; keep Python from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
