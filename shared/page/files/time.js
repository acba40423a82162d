// Times. The server writes the rows of an answer in the time zone of the question; the page shows what it wrote. Only
// the ticks of an axis and the server's own times (horizon) are brought into the zone here.

export const SECOND = 1000,
  MINUTE = 60 * SECOND,
  HOUR = 60 * MINUTE,
  DAY = 24 * HOUR;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const two = (n) => String(n).padStart(2, '0');

// windowLength is the length of a window of a view in milliseconds: PT1H, P1D, P1W.
export function windowLength(iso) {
  const [, w, d, hours, m, sec] = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(iso) ?? [];
  return (w ?? 0) * 7 * DAY + (d ?? 0) * DAY + (hours ?? 0) * HOUR + (m ?? 0) * MINUTE + (sec ?? 0) * SECOND;
}

// spell writes a length as a views file does: 30s, 5m, 1h, 1d, 1w.
export function spell(length) {
  for (const [unit, name] of [
    [7 * DAY, 'w'],
    [DAY, 'd'],
    [HOUR, 'h'],
    [MINUTE, 'm'],
    [SECOND, 's'],
  ]) {
    if (length >= unit && length % unit === 0) return length / unit + name;
  }
  return length / SECOND + 's';
}

// wall is what a clock on the wall shows at a time that the server wrote with an offset, as if it were UTC.
export function wall(text) {
  return new Date(text.replace(/(Z|[+-]\d\d:\d\d)$/, 'Z'));
}

const formats = new Map();

// offset is how far a zone's clocks are ahead of UTC at an instant, in milliseconds.
export function offset(instant, zone) {
  if (!zone || zone === 'UTC') return 0;
  if (!formats.has(zone)) {
    formats.set(
      zone,
      new Intl.DateTimeFormat('en-u-hc-h23', {
        timeZone: zone,
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      }),
    );
  }
  const part = {};
  for (const { type, value } of formats.get(zone).formatToParts(instant)) part[type] = Number(value);
  const shown = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
  return shown - Math.floor(instant / SECOND) * SECOND;
}

// clock is the wall clock of a zone at an instant, as if it were UTC. An unknown zone counts as UTC.
export function clock(instant, zone) {
  try {
    return new Date(instant + offset(instant, zone));
  } catch {
    return new Date(instant);
  }
}

// dateText and timeText write the wall clock: "Mon 18 May 2015", "10:05" or "10:05:03".
export function dateText(d) {
  return `${WEEKDAYS[d.getUTCDay()]} ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
}
export function timeText(d) {
  return d % MINUTE ? secondText(d) : `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
}

// secondText always writes the second, so that a text that changes keeps its width.
export function secondText(d) {
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
}

// moment writes an instant in a zone, to the second.
export function moment(instant, zone) {
  const d = clock(instant, zone);
  return `${dateText(d)}, ${secondText(d)}`;
}

// span writes the time of a row: "Mon 18 May 2015, 10:00 to 11:00", "Mon 18 May 2015", "18 May to 25 May 2015".
export function span(start, end) {
  const from = wall(start),
    to = wall(end);
  const midnight = (d) => d.getTime() % DAY === 0;
  if (midnight(from) && midnight(to)) {
    const last = new Date(to - DAY);
    return last <= from ? dateText(from) : `${dateText(from)} to ${dateText(last)}`;
  }
  if (from.getTime() - (from.getTime() % DAY) === to.getTime() - (to.getTime() % DAY) || to - from <= DAY) {
    return `${dateText(from)}, ${timeText(from)} to ${timeText(to)}`;
  }
  return `${dateText(from)}, ${timeText(from)} to ${dateText(to)}, ${timeText(to)}`;
}

// ago writes how long ago something was: "4 s", "3 min", "2 h", "5 days".
export function ago(milliseconds) {
  const n = Math.max(0, milliseconds);
  if (n < 100 * SECOND) return `${Math.round(n / SECOND)} s`;
  if (n < 100 * MINUTE) return `${Math.round(n / MINUTE)} min`;
  if (n < 48 * HOUR) return `${Math.round(n / HOUR)} h`;
  return `${Math.round(n / DAY).toLocaleString('en')} days`;
}

const STEPS = [1, 2, 5, 10, 15, 30]
  .map((n) => n * SECOND)
  .concat(
    [1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
    [1, 2, 3, 6, 12].map((n) => n * HOUR),
    [1, 2, 7, 14].map((n) => n * DAY),
  );

// timeTicks are the marks of a time axis, each {at, label, strong}: an instant and what the wall clock shows there.
export function timeTicks(from, to, zone, most) {
  const rough = (to - from) / Math.max(1, most);
  const step = STEPS.find((n) => n >= rough);
  return step ? clockTicks(from, to, zone, step) : monthTicks(from, to, zone, most);
}

// instantOf is the first instant at which the clocks of a zone show a time. Where they leap over it, it is the instant
// of the leap. A day before and after, the zone has its offsets before and after a change.
function instantOf(shown, zone) {
  const [before, after] = [shown - DAY, shown + DAY].map((near) => shown - (clock(near, zone) - near));
  return Number(clock(before, zone)) !== shown && Number(clock(after, zone)) === shown ? after : before;
}

// beginOf is where the step begins that an instant is in: a step of the calendar of a zone, or a window, which goes by
// UTC. Windows of a week begin on Monday.
export function beginOf(instant, name, length, zone) {
  if (name === 'window') {
    const monday = length % (7 * DAY) === 0 ? 4 * DAY : 0;
    return Math.floor((instant - monday) / length) * length + monday;
  }
  const d = clock(instant, zone),
    month = d.getUTCMonth(),
    year = d.getUTCFullYear();
  const begins = {
    '1w': Math.floor((d - 4 * DAY) / (7 * DAY)) * 7 * DAY + 4 * DAY,
    '1mo': Date.UTC(year, month, 1),
    '1q': Date.UTC(year, month - (month % 3), 1),
    '1y': Date.UTC(year, 0, 1),
  };
  return instantOf(begins[name] ?? Math.floor(d / length) * length, zone);
}

function clockTicks(from, to, zone, step) {
  const marks = [];
  const first = Math.ceil(clock(from, zone) / step) * step;
  for (let shown = first; marks.length < 100; shown += step) {
    const at = instantOf(shown, zone);
    if (at > to) break;
    if (at < from) continue;
    const d = new Date(shown),
      strong = shown % DAY === 0;
    const day = `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`;
    marks.push({ at, strong, label: strong ? day : timeText(d), day });
  }
  // Where no midnight names a day, the first mark does.
  if (marks.length && !marks.some((mark) => mark.strong)) marks[0].label = `${marks[0].day}, ${marks[0].label}`;
  return marks;
}

function monthTicks(from, to, zone, most) {
  const months = Math.max(1, Math.ceil((to - from) / (30.4 * DAY) / most));
  const every = [1, 2, 3, 6, 12].find((n) => n >= months) ?? Math.ceil(months / 12) * 12;
  const start = clock(from, zone),
    marks = [];
  for (let n = start.getUTCFullYear() * 12 + start.getUTCMonth(); marks.length < 100; n++) {
    if (n % every !== 0) continue;
    const shown = Date.UTC(Math.floor(n / 12), n % 12, 1);
    const at = instantOf(shown, zone);
    if (at > to) break;
    if (at < from) continue;
    const strong = n % 12 === 0;
    marks.push({ at, strong, label: strong ? String(n / 12) : MONTHS[n % 12] });
  }
  return marks;
}

// zones are the names of time zones that a person may choose.
export function zones() {
  try {
    return ['UTC', ...Intl.supportedValuesOf('timeZone').filter((z) => z !== 'UTC')];
  } catch {
    return ['UTC', ownZone()]; // an older browser does not list them
  }
}

// ownZone is the zone of the browser.
export function ownZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}
