"""Everything but the client is there without httpx."""

import subprocess
import sys

WITHOUT = "import sys; sys.modules['httpx'] = None; "


def run(code):
    return subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, check=False)


def test_the_core_and_what_the_server_says_need_no_httpx():
    code = "import acrcast.answer, acrcast.artefact, acrcast.cli, acrcast.protocol, acrcast.studies, acrcast.table"
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_the_client_says_what_it_needs():
    done = run("import acrcast.client")
    assert done.stderr.splitlines()[-1] == "ImportError: acrcast.client needs httpx: install acrcast[client]"
