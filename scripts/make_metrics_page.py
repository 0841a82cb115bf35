"""Write docs/reference/metrics.md from the table of the metrics.

python scripts/make_metrics_page.py
"""

from __future__ import annotations

from pathlib import Path

from wafscope.web.metrics import METRICS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"

HEAD = """# Metrics

`/metrics` answers Prometheus, in its text format or as OpenMetrics, whichever it asks for. This page is made from the
program's own table: `python scripts/make_metrics_page.py`.

```yaml
scrape_configs:
  - job_name: wafscope
    static_configs:
      - targets: ["waf1.example:8642"]
```

The host name that Prometheus calls must be one of `[web] names`. Counters of sources come from the store: they go on
after a restart. What was imported once is counted together, as the source `imported`. Besides, there are the metrics
about the process that every program has (`process_resident_memory_bytes`, `process_cpu_seconds_total`, …).

| metric | type | labels | meaning |
|---|---|---|---|
"""

FOOT = """
## To be alarmed

```yaml
- alert: WafscopeSourceFailed        # a log can not be read, or the store not be written
  expr: wafscope_source_state{state=~"failed|paused"} == 1
  for: 5m
- alert: WafscopeBehind              # more comes than is stored
  expr: wafscope_source_lag_bytes > 100e6
  for: 15m
- alert: WafscopeSilent              # nothing comes any more; the site has traffic, perhaps
  expr: time() - wafscope_store_newest_event_timestamp_seconds > 6 * 3600
- alert: WafscopeDiskFillsUp
  expr: wafscope_store_free_bytes < 2e9
- alert: WafscopeSpoolFillsUp
  expr: wafscope_spool_bytes / wafscope_spool_limit_bytes > 0.5
```
"""


def page() -> str:
    """Return the text of the page."""
    rows = []
    for metric in METRICS.values():
        name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{name}` | {metric.kind} | {labels} | {metric.help} |\n")
    return HEAD + "".join(rows) + FOOT


if __name__ == "__main__":
    PAGE.write_text(page())
