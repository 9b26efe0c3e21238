"""How fast the pipeline is, beside a bare loop over the same recordings that checks nothing: ``make bench``.

docs/performance.md says what is measured and how to read it.
"""
