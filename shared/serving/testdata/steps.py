"""Computes the golden file of shared/serving TestStepsOfAYear with Python's own calendar and zoneinfo.

A year of windows has an event in each, with the number of the window as its amount. Each line of the output is a step
of a zone: window, zone, step, start and end in Unix seconds, and the sum of the amounts of the windows that start in it.

Run: pip install tzdata==2025.3 && PYTHONTZPATH= python3 steps.py > steps.golden
"""

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

FIRST = datetime(2025, 12, 31, 12, tzinfo=timezone.utc)
DAYS = 367  # over both changes of the clock, and the ends of a year
CASES = [
    (3600, "Europe/Berlin"),
    (3600, "America/New_York"),
    (3600, "America/Santiago"),
    (3600, "UTC"),
    (1800, "Australia/Lord_Howe"),
    (1800, "Asia/Kolkata"),
]
STEPS = {
    "1d": lambda d: d,
    "1w": lambda d: d - timedelta(days=d.isocalendar().weekday - 1),
    "1mo": lambda d: d.replace(day=1),
    "1q": lambda d: date(d.year, (d.month - 1) // 3 * 3 + 1, 1),
    "1y": lambda d: date(d.year, 1, 1),
}


def main():
    for seconds, name in CASES:
        zone = ZoneInfo(name)
        first = int(FIRST.timestamp())
        starts = range(first, first + DAYS * 86400, seconds)
        local = [datetime.fromtimestamp(at, timezone.utc).astimezone(zone).date() for at in starts]
        for step, begins in STEPS.items():
            groups = {}  # by the first date of the step: its windows, by the local date of each
            for number, (at, day) in enumerate(zip(starts, local)):
                groups.setdefault(begins(day), []).append((at, number))
            whole = list(groups.values())[1:-1]  # the year cuts the first and the last one
            for group in whole:
                end = group[-1][0] + seconds
                print(f"{seconds}s {name} {step} {group[0][0]} {end} {sum(n for _, n in group)}")


main()
