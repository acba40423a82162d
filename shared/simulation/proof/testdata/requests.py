"""Computes the golden file of shared/simulation/proof TestRealRequests with DuckDB.

DuckDB groups, counts, and sums in 128-bit integers. Python divides exact fractions and rounds the results. Each line
of the output, requests.golden.gz, is a row of a view: its key, the start of its window, the exact values as JSON texts,
the truth about what the view estimates, and how many events each aggregate skips.

Run: pip install duckdb==2.0.1 && python3 requests.py ../../../../localstack/sample/web-requests.ndjson.gz
"""

import gzip
import json
import math
import sys
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import duckdb

MASK = (1 << 64) - 1
DIGITS = 16


def siphash128(key, text):
    """SipHash-2-4 with 128 bits, from the paper of Aumasson and Bernstein and its reference code."""
    k0, k1 = (int.from_bytes(key[i : i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotated(x, n):
        return (x << n | x >> 64 - n) & MASK

    def rounds(n):
        for _ in range(n):
            v[0] = v[0] + v[1] & MASK
            v[1] = rotated(v[1], 13) ^ v[0]
            v[0] = rotated(v[0], 32)
            v[2] = v[2] + v[3] & MASK
            v[3] = rotated(v[3], 16) ^ v[2]
            v[0] = v[0] + v[3] & MASK
            v[3] = rotated(v[3], 21) ^ v[0]
            v[2] = v[2] + v[1] & MASK
            v[1] = rotated(v[1], 17) ^ v[2]
            v[2] = rotated(v[2], 32)

    whole = len(text) // 8 * 8
    words = [int.from_bytes(text[i : i + 8], "little") for i in range(0, whole, 8)]
    words.append(int.from_bytes(text[whole:], "little") | (len(text) & 0xFF) << 56)
    for word in words:
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xEE
    rounds(4)
    high = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    rounds(4)
    return high, v[0] ^ v[1] ^ v[2] ^ v[3]


def identity(source, id):
    source, id = source.encode(), id.encode()
    assert len(source) < 128
    return siphash128(b"anabranch engine", bytes([len(source)]) + source + id)


def plain(number):
    """The text of a Decimal without an exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quotient(numerator, denominator):
    whole = len(str(abs(numerator) // denominator))
    context = Context(prec=max(DIGITS, whole), rounding=ROUND_HALF_EVEN)
    return plain(context.divide(Decimal(numerator), Decimal(denominator)))


def root(fraction):
    """The square root, by a whole number of 10^-100 and, where it goes on, a half of one."""
    scale = 10**100
    square, rest = divmod(fraction.numerator * scale**2, fraction.denominator)
    number = math.isqrt(square)
    more = rest != 0 or number * number != square
    return quotient(2 * number + more, 2 * scale)


def spread(count, total, squares):
    return Fraction(count * squares - total * total, count * count)


VIEWS = {  # key, length of the window in seconds
    "all": ("''", 86400),
    "by_status": ("status::VARCHAR", 3600),
    "by_section": ("split_part(path, '/', 2)", 86400),
}
CONDITIONS = {"": "true", "_if": "starts_with(referrer, 'http://semicomplete.com')"}

EXACT = """
SELECT {key} AS key, epoch(time)::BIGINT // {seconds} * {seconds} AS start,
    count(*) AS events,
    count(*) FILTER ({condition}) AS used,
    count(*) FILTER (({condition}) IS NULL) AS failed,
    count(bytes) FILTER ({condition}) AS count,
    sum(bytes::HUGEINT) FILTER ({condition}) AS total,
    sum(bytes::HUGEINT * bytes::HUGEINT) FILTER ({condition}) AS squares,
    min(bytes) FILTER ({condition}) AS least,
    max(bytes) FILTER ({condition}) AS greatest,
    first(path ORDER BY time, high, low) FILTER (({condition}) AND strlen(path) <= 256) AS earliest,
    first(path ORDER BY time DESC, high DESC, low DESC) FILTER (({condition}) AND strlen(path) <= 256) AS latest,
    count(*) FILTER (({condition}) AND strlen(path) > 256) AS long,
    count(*) FILTER (({condition}) AND (strlen(path) > 256 OR bytes IS NULL)) AS unweighted,
    count(DISTINCT client) FILTER ({condition}) AS clients,
    list_sort(list(bytes) FILTER (({condition}) AND bytes IS NOT NULL)) AS sorted
FROM events WHERE contains(path, '/') GROUP BY ALL ORDER BY key, start
"""

TOP = """
SELECT path, {what} AS n FROM events
WHERE contains(path, '/') AND {key} = ? AND epoch(time)::BIGINT // {seconds} * {seconds} = ? AND ({condition})
    AND strlen(path) <= 256
GROUP BY path HAVING n > 0 ORDER BY n DESC, path LIMIT 101
"""


def values_of(row, seconds):
    count, total = row["count"], row["total"]
    fraction = spread(count, total, row["squares"]) if count else None
    return {
        "n": str(row["used"]),
        "total": str(total) if count else "null",
        "mean": quotient(total, count) if count else "null",
        "least": str(row["least"]) if count else "null",
        "greatest": str(row["greatest"]) if count else "null",
        "variance": quotient(fraction.numerator, fraction.denominator) if count else "null",
        "stddev": root(fraction) if count else "null",
        "frequency": quotient(row["used"], seconds),
        "rate": quotient(total, seconds) if count else "null",
        "earliest": json.dumps(row["earliest"], ensure_ascii=False),
        "latest": json.dumps(row["latest"], ensure_ascii=False),
    }


def skipped_of(row):
    without = row["used"] - row["count"]
    lacks = {name: without for name in ("total", "mean", "least", "greatest", "variance", "stddev", "rate", "spread")}
    lacks |= {name: row["long"] for name in ("earliest", "latest", "often")}
    lacks |= {"n": 0, "frequency": 0, "uniques": 0, "heavy": row["unweighted"]}
    return {name: n + row["failed"] for name, n in lacks.items()}


def main(requests):
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    with gzip.open(requests) as lines:
        rows = [json.loads(line) for line in lines]
    db.execute(
        "CREATE TABLE events (time TIMESTAMPTZ, high UBIGINT, low UBIGINT, client VARCHAR, path VARCHAR,"
        " status INTEGER, bytes BIGINT, referrer VARCHAR)"
    )
    db.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (e["time"], *identity(e["source"], e["id"]))
            + tuple(e["data"].get(field) for field in ("client", "path", "status", "bytes", "referrer"))
            for e in rows
        ],
    )
    with gzip.GzipFile("requests.golden.gz", "wb", mtime=0) as golden:
        for view, (key, seconds) in VIEWS.items():
            answers = {}
            for suffix, condition in CONDITIONS.items():
                cursor = db.execute(EXACT.format(key=key, seconds=seconds, condition=condition))
                names = [column[0] for column in cursor.description]
                for row in (dict(zip(names, found)) for found in cursor.fetchall()):
                    at = row["key"], row["start"]
                    answer = answers.setdefault(at, {"values": {}, "truth": {}, "skipped": {}})
                    values, skipped, numbers = values_of(row, seconds), skipped_of(row), row["sorted"] or []
                    quantiles = {f"p{p}": numbers[(len(numbers) - 1) * p // 100] for p in (50, 90, 95, 99) if numbers}
                    truth = {"uniques": row["clients"], "spread": quantiles}
                    for name, what in (("often", "count(*)"), ("heavy", "coalesce(sum(bytes::HUGEINT), 0)")):
                        top = db.execute(TOP.format(key=key, seconds=seconds, condition=condition, what=what), at)
                        truth[name] = [[json.dumps(path, ensure_ascii=False), str(n)] for path, n in top.fetchall()]
                    answer["values"] |= {name + suffix: value for name, value in values.items()}
                    answer["truth"] |= {name + suffix: value for name, value in truth.items()}
                    answer["skipped"] |= {name + suffix: n for name, n in skipped.items()}
            for (at, start), answer in sorted(answers.items()):
                line = {"view": view, "key": at, "start": start} | answer
                golden.write(json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n")


main(sys.argv[1])
