"""The lake: Parquet tables for analysts, replaced a site and day at a time. They follow from the journal."""
