"""What commands show where nobody watches: aligned text, a few lines of progress, strict JSON."""

import pytest

from acrcast.console import progress, table, write_json


def test_progress_is_four_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Resampling", 10) as advance:
        for _ in range(5):
            advance(2)
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [
        "Resampling: 4 of 10",
        "Resampling: 6 of 10",
        "Resampling: 8 of 10",
        "Resampling: 10 of 10",
    ]


def test_a_table_is_plain_text_whatever_its_width(capsys: pytest.CaptureFixture[str]) -> None:
    table(("Name", "what"), [("a", "word " * 60 + "end")], words=2)
    assert max(map(len, capsys.readouterr().out.splitlines())) == 309


def test_json_has_no_number_that_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"slope": float("nan")})


def test_json_keeps_letters_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"arm": "安慰剂"})
    assert capsys.readouterr().out == '{\n  "arm": "安慰剂"\n}\n'
