"""How fast Wafscope is: `python -m bench ingest` and `python -m bench query`; see docs/reference/bench.md."""
