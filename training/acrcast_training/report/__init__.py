"""The report on a model: one HTML file that needs nothing else, for a statistician and a clinician."""

from acrcast_training.report.page import render, report_on

__all__ = ["render", "report_on"]
