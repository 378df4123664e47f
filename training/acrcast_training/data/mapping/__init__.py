"""From the tables of a trial as they were delivered to the study's own: a file that a person completes says how."""
