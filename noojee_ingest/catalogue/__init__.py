"""The index of the journal: tables filled only by ``apply``, and questions to them."""
