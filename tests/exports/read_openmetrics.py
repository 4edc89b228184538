"""What Prometheus's own parsers read of a file: of its text format and, stricter, of OpenMetrics."""
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
from prometheus_client.parser import text_string_to_metric_families as plain

with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
for parse in (plain, strict):
    families = list(parse(text))
    assert all(family.type == "gauge" and family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    print(len(families), len(samples))
for sample in samples:
    if sample.name == sys.argv[2]:
        print(sample.labels["cell"], sample.labels["phase"], sample.value)
