"""The doctor: what of an archive's needs a real phone system, store and catalogue meet, found out by asking them."""

from noojee_ingest.pipeline.doctor.examine import examine
from noojee_ingest.pipeline.doctor.report import Check, Examination, Result, Variant

__all__ = ["Check", "Examination", "Result", "Variant", "examine"]
