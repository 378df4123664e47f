"""The API of the model that ships, as files: `docs/api/openapi.json`, and from it the types of TypeScript.

`python -m docs.api_description` writes the types, by openapi-typescript of tests/node. They and the document are compared
with what they should be by tests, so that no change to the API goes unseen.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "api" / "openapi.json"
TYPES = ROOT / "docs" / "api" / "acrcast-api.d.ts"
NODE = ROOT / "tests" / "node"
# A member that has a default may be left out of a request.
COMMAND = ("node_modules/openapi-typescript/bin/cli.js", "--default-non-nullable", "false")


def openapi_json() -> str:
    """The document of a server with the released model, sorted, without what this model answers."""
    from acrcast.response_model import DEFAULT_LEVEL  # noqa: PLC0415  slow to import
    from acrcast_service.api_docs.service import openapi_document  # noqa: PLC0415
    from acrcast_service.app import create_app  # noqa: PLC0415
    from acrcast_service.model_store import ServedModel, load_model  # noqa: PLC0415
    from acrcast_service.settings import Settings  # noqa: PLC0415

    model = load_model(Settings(model=None, study=None))
    served = ServedModel.of(model, DEFAULT_LEVEL)
    document = openapi_document(create_app(Settings(), model), served, DEFAULT_LEVEL)
    return json.dumps(without_answers(document), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def without_answers(document: dict[str, Any]) -> dict[str, Any]:
    """The document without its examples of answers: another model gives others, and the API is the same."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                for content in response.get("content", {}).values() if status.startswith("2") else ():
                    content.pop("example", None)
                    content.pop("examples", None)
    return document


def types() -> str:
    """Types of the document, made by npm's openapi-typescript."""
    command = ["node", *COMMAND, str(DOCUMENT)]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, check=False)  # noqa: S603  our own command
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


if __name__ == "__main__":
    if not (NODE / "node_modules").is_dir():
        sys.exit(f"{TYPES.relative_to(ROOT)} is left as it is: make test installs what makes it, where there is npm")
    TYPES.write_text(types(), encoding="utf-8")
