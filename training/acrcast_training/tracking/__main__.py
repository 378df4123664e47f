"""The registry as a program, for a server whose own process never imports MLflow.

    python -m acrcast_training.tracking point URI             prints which version an alias points to now, as JSON
    python -m acrcast_training.tracking download URI FOLDER   prints the local folder of an artefact; the record of its
                                                              promotion, if any, is written beside it

It exits with 2 when nothing of that name is there, 3 when what is there is no model of acrcast, 1 when the store fails.
"""

import json
import sys
from pathlib import Path

from acrcast.errors import AcrcastError, ArtefactError, UsageError
from acrcast_training.tracking.registry import download, point

NO_MODEL = 3

try:
    match sys.argv[1:]:
        case ["point", uri]:
            sys.stdout.write(f"{json.dumps(point(uri))}\n")
        case ["download", uri, folder]:
            sys.stdout.write(f"{download(uri, Path(folder))}\n")
        case _:
            raise UsageError("usage: python -m acrcast_training.tracking (point URI | download URI FOLDER)")
except AcrcastError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(NO_MODEL if isinstance(error, ArtefactError) else error.exit_code)
