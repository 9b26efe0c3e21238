"""The data's way, one file a stage: discover, retrieve, store, record, reconcile; ``night`` runs them in order."""
