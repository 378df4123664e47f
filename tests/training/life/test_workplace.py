"""One at a time, and whole or not there."""

import subprocess
import sys
import time

import pytest

from acrcast.errors import AcrcastError
from acrcast_training.retraining.workplace import alone, finished, key_of

HOLD = "import sys, time; from pathlib import Path; from acrcast_training.retraining.workplace import alone\n"
HOLD += "with alone('acr20', Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"


@pytest.fixture
def held(tmp_path):
    """Another process that has the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_one_is_refused_while_the_first_works_and_not_once_it_was_killed(held, tmp_path):
    with pytest.raises(AcrcastError, match="acr20 is being retrained by another process"), alone("acr20", tmp_path):
        pytest.fail("both work")
    held.kill()
    held.wait()
    time.sleep(0.01)
    with alone("acr20", tmp_path):
        pass


def write(text):
    def make(folder):
        (folder / "file").write_text(text)

    return make


def test_what_was_finished_is_taken_as_it_is(tmp_path):
    first, second = (finished(tmp_path, "key", write(text)) for text in ("first", "second"))
    assert (first.resumed, second.resumed) == (False, True)
    assert (second.folder / "file").read_text() == "first"


def test_what_an_interruption_left_is_removed_and_begun_anew(tmp_path):
    def interrupted(folder):
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finished(tmp_path, "key", interrupted)
    assert not (tmp_path / "key").exists()
    done = finished(tmp_path, "key", write("whole"))
    assert [path.name for path in done.folder.iterdir()] == ["file"]
    assert not (tmp_path / "key.part").exists()


def test_the_same_question_has_the_same_name_and_another_has_another():
    assert key_of(patients="a", seed=1) == key_of(seed=1, patients="a")
    assert key_of(patients="a", seed=1) != key_of(patients="a", seed=2)
