"""Answers the benchmark's question with DuckDB over the files of an archive.

Usage: query.py FOLDER hll|exact THREADS
"""

import json
import resource
import sys
import time

import duckdb

folder, distinct, threads = sys.argv[1:]
users = {"hll": 'approx_count_distinct("user")', "exact": 'count(DISTINCT "user")'}[distinct]


def processor():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


engine = duckdb.connect()
engine.execute(f"SET threads = {threads}; SET preserve_insertion_order = false; SET enable_progress_bar = false")
wall, cpu = time.perf_counter(), processor()
engine.execute(f"""
CREATE TABLE rows AS
SELECT url, hour, count(*) AS views, sum(amount) AS amount, min(duration_ms) AS shortest,
       max(duration_ms) AS longest, {users} AS users
FROM (
  SELECT DISTINCT id, source, data.url AS url, date_trunc('hour', "time") AS hour, data."user" AS "user",
         data.amount AS amount, data.duration_ms AS duration_ms
  FROM read_json('{folder}/events/*/*/*.zst', format = 'newline_delimited', columns = {{
    id: 'UUID', source: 'VARCHAR', "time": 'TIMESTAMP',
    data: 'STRUCT(url VARCHAR, "user" VARCHAR, amount DECIMAL(18, 2), duration_ms BIGINT)'}})
)
GROUP BY url, hour
""")
wall, cpu = time.perf_counter() - wall, processor() - cpu
megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
answer = engine.execute(
    "SELECT count(*), sum(views), sum(amount), sum(shortest), sum(longest), sum(users) FROM rows"
).fetchone()
names = ["groups", "views", "amount", "shortest", "longest", "users"]
print(json.dumps({
    "wall": wall, "processor": cpu, "megabytes": megabytes, "version": duckdb.__version__,
    "answer": {name: json.loads(str(value)) for name, value in zip(names, answer)},
}))
