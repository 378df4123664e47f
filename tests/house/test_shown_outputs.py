"""The README and the guide show what the commands really print."""

import pytest
from benchmarks import monitoring
from docs import outputs


def test_the_readme_shows_what_training_on_the_example_prints(project):
    assert outputs.shown(project / "README.md", "example-output") == outputs.example()


def test_the_guide_shows_what_training_on_its_study_prints(project, shared_data):
    printed = outputs.guide(shared_data / "gse198520_anti_tnf_ra.csv")
    assert outputs.shown(project / "docs" / "own-study.md", "train-output") == printed


@pytest.mark.slow
def test_the_page_of_support_shows_the_rates_as_they_come_out(project):
    assert outputs.shown_rates(project / "docs" / "support.md") == outputs.support_rates()


@pytest.mark.slow
def test_the_page_of_monitoring_shows_false_alarms_and_delays_as_they_come_out():
    assert monitoring.shown() == monitoring.table()
