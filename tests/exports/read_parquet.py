"""What Arrow reads of a table: its types, its rows, and one figure."""
import sys

import pyarrow.parquet

table = pyarrow.parquet.read_table(sys.argv[1])
print(table.num_rows, [f"{field.name}:{field.type}" for field in table.schema])
for row in table.to_pylist():
    if row["metric"] == sys.argv[2]:
        print(row["run"], row["phase"], row["estimate"], row["low"], row["high"])
