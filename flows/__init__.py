"""The Prefect flows, one file each: parameters in, a pipeline call, artifacts out."""
