"""noojee-ingest: the archive of a Noojee phone system's call recordings."""

__version__ = "0.1.0"
