"""Folders of Parquet files, scored file by file: larger than memory, and gone on with after an interruption."""
