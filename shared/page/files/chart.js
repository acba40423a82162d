// Draws rows as bars or lines, in SVG. What is exact is solid; what is live is hatched. Floats are good enough here:
// they place marks on the screen and are never shown as numbers.
import { s } from './dom.js';
import { short, ticks } from './numbers.js';
import { timeTicks } from './time.js';

const TOP = 22,
  BOTTOM = 24,
  LETTER = 6.6; // margins, and about the width of a digit, in pixels
let patterns = 0; // an id belongs to one pattern of the document

// points are the rows with numbers: [{i, x0, x1, y, exact}], for one curve, in the order of time.
function points(rows, curve, x, y) {
  const all = [];
  rows.forEach((row, i) => {
    const number = curve.pick(row.values);
    if (number) all.push({ i, x0: x(row.t0), x1: x(row.t1), y: y(number.draw()), exact: row.exact });
  });
  return all;
}

// bars are rectangles as one path, which is far less work for a browser than an element for each.
function bars(all, ground) {
  return all
    .filter((p) => p.y !== ground)
    .map((p) => {
      const gap = p.x1 - p.x0 > 4 ? 1 : 0;
      const width = Math.max(1, p.x1 - p.x0 - gap);
      return `M${p.x0.toFixed(1)},${ground.toFixed(1)}V${p.y.toFixed(1)}h${width.toFixed(1)}V${ground.toFixed(1)}z`;
    })
    .join('');
}

const touches = (a, b) => a && b && Math.abs(a.x1 - b.x0) < 0.6;

// outlines are the parts of a line that belong to each row: up to half of the way to a row that touches it.
function outlines(all) {
  return all.map((p, n) => {
    const edge = (other, touching) => (touching ? (p.y + other.y) / 2 : p.y);
    const before = all[n - 1];
    const after = all[n + 1];
    return {
      exact: p.exact,
      places: [
        [p.x0, edge(before, touches(before, p))],
        [(p.x0 + p.x1) / 2, p.y],
        [p.x1, edge(after, touches(p, after))],
      ],
    };
  });
}

// areas are what is below a line, and strokes the line itself. Each part is solid or hatched as its row is.
function areas(lines, ground) {
  return lines
    .map(({ places }) => `M${places[0][0]},${ground}L${places.join('L')}L${places[2][0]},${ground}z`)
    .join('');
}

const strokes = (lines) => lines.map(({ places }) => `M${places.join('L')}`).join('');

// scaleOf are the marks of the axis of values; it has 0 for bars, and for lines whose numbers are not far from it.
function scaleOf(rows, curves, kind, height) {
  let low = Infinity,
    high = -Infinity;
  for (const row of rows) {
    for (const curve of curves) {
      const number = curve.pick(row.values)?.draw();
      if (number === undefined || !Number.isFinite(number)) continue;
      low = Math.min(low, number);
      high = Math.max(high, number);
    }
  }
  if (low === Infinity) [low, high] = [0, 1];
  if (kind === 'bars' || (low > 0 && low < 0.7 * high)) low = Math.min(0, low);
  if (high < 0) high = 0;
  if (low === high && low > 0) low = 0;
  return ticks(low, high, Math.max(2, Math.round((height - TOP - BOTTOM) / 44)));
}

function axes(frame, marks, y, zone, x, from, to) {
  const { left, right, width, height } = frame;
  const most = Math.max(2, Math.floor((width - left - right) / 58));
  const lines = marks.map((v) =>
    s(
      'g',
      {},
      s('line', { class: 'grid', x1: left, x2: width - right, y1: y(v), y2: y(v) }),
      s('text', { class: 'tick', x: left - 8, y: y(v) + 4, 'text-anchor': 'end' }, short(v)),
    ),
  );
  let used = -Infinity;
  const times = timeTicks(from, to, zone, most).map(({ at, label, strong }) => {
    const half = (label.length * LETTER) / 2,
      place = x(at),
      written = Math.max(place, half + 1); // a long first label begins where the picture does
    const fits = written - half > used + 6 && written + half < width + 2;
    if (fits) used = written + half;
    return s(
      'g',
      {},
      s('line', {
        class: strong ? 'mark strong' : 'mark',
        x1: place,
        x2: place,
        y1: height - BOTTOM,
        y2: height - BOTTOM + 5,
      }),
      fits
        ? s(
            'text',
            { class: strong ? 'tick strong' : 'tick', x: written, y: height - 5, 'text-anchor': 'middle' },
            label,
          )
        : null,
    );
  });
  return [lines, times];
}

function hatch(id) {
  return s(
    'defs',
    {},
    s(
      'pattern',
      { id, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
      s('rect', { class: 'hatch-ground', width: 6, height: 6 }),
      s('rect', { class: 'hatch-line', width: 2, height: 6 }),
    ),
  );
}

function horizonLine(frame, at, label) {
  const { left, right, width, height } = frame;
  const toTheLeft = at + label.length * LETTER + 10 > width - right;
  return s(
    'g',
    { class: 'horizon' },
    s('line', { x1: at, x2: at, y1: 6, y2: height - BOTTOM }),
    s('text', { x: toTheLeft ? at - 6 : at + 6, y: 14, 'text-anchor': toTheLeft ? 'end' : 'start' }, label),
    left > at ? null : s('circle', { cx: at, cy: 6, r: 3 }),
  );
}

// drawCurve draws one curve: what is exact, and what is live.
function drawCurve(all, kind, ground, id, rank, withArea) {
  const fill = `url(#${id})`;
  if (kind === 'bars') {
    return [true, false].map((exact) => {
      const d = bars(
        all.filter((p) => p.exact === exact),
        ground,
      );
      return s('path', { class: exact ? 'exact-bar' : 'live-bar', d, fill: exact ? null : fill });
    });
  }
  const lines = outlines(all);
  return [true, false].map((exact) => {
    const some = lines.filter((l) => l.exact === exact);
    const name = exact ? 'exact' : 'live';
    const area = s('path', { class: `${name}-area`, d: areas(some, ground), fill: exact ? null : fill });
    return [withArea ? area : null, s('path', { class: `${name}-line rank${rank}`, d: strokes(some) })];
  });
}

// draw returns {svg, rowAt, band}: the picture, the row at a place, and the place of a row.
//
// what: rows [{t0, t1, exact, values}], curves, kind, from, to (instants), zone, width, height in pixels,
// horizon {at, label} or null.
export function draw(what) {
  const { rows, curves, kind, from, to, zone, width, height, horizon } = what;
  const marks = scaleOf(rows, curves, kind, height);
  const named = curves.length > 1;
  const left = Math.max(...marks.map((v) => short(v).length)) * LETTER + 16;
  const frame = { left, right: named ? 34 : 10, width, height };
  const x = (t) => left + ((t - from) / (to - from)) * (width - left - frame.right);
  const [lowest, highest] = [marks[0], marks[marks.length - 1]];
  const y = (v) => TOP + ((highest - v) / (highest - lowest)) * (height - TOP - BOTTOM);
  const ground = y(Math.max(0, lowest));
  const id = `hatch-${++patterns}`;
  const selected = s('rect', { class: 'selected', y: TOP, height: height - TOP - BOTTOM, width: 0, x: 0 });
  const highFirst = [...curves].reverse();
  const drawn = highFirst.map((curve, n) =>
    drawCurve(points(rows, curve, x, y), kind, ground, id, curves.length - 1 - n, n === 0),
  );
  const svg = s(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true', class: 'chart' },
    hatch(id),
    axes(frame, marks, y, zone, x, from, to),
    selected,
    drawn,
    names(curves, rows, y, frame, named),
    s('line', { class: 'ground', x1: left, x2: width - frame.right, y1: ground, y2: ground }),
    horizon && horizon.at >= from && horizon.at <= to ? horizonLine(frame, x(horizon.at), horizon.label) : null,
  );
  return { svg, rowAt: (px) => rowAt(rows, x, px), band: (i) => band(rows, x, i, selected) };
}

// names writes each curve's name at its end, where they do not cover one another.
function names(curves, rows, y, frame, named) {
  if (!named || rows.length === 0) return null;
  let above = -Infinity;
  const last = rows[rows.length - 1].values;
  const placed = curves
    .map((c, rank) => ({ c, rank, at: c.pick(last) ? y(c.pick(last).draw()) : null }))
    .filter((p) => p.at !== null)
    .sort((a, b) => a.at - b.at);
  return placed.map(({ c, rank, at }) => {
    above = Math.max(at, above + 12);
    return s('text', { class: `curve rank${rank}`, x: frame.width - frame.right + 5, y: above + 4 }, c.name);
  });
}

function rowAt(rows, x, px) {
  let best = -1,
    distance = Infinity;
  rows.forEach((row, i) => {
    const d = Math.abs((x(row.t0) + x(row.t1)) / 2 - px);
    if (d < distance) [best, distance] = [i, d];
  });
  return best;
}

// band marks a row, and returns the middle of its place; none for -1.
function band(rows, x, i, mark) {
  const row = rows[i];
  const width = row ? Math.max(2, x(row.t1) - x(row.t0)) : 0;
  mark.setAttribute('width', width);
  if (!row) return 0;
  mark.setAttribute('x', x(row.t0));
  return x(row.t0) + width / 2;
}

// spark draws rows small, without axes: solid where exact, hatched where live.
export function spark(rows, curve, from, to, width, height) {
  const marks = scaleOf(rows, [curve], 'bars', height);
  const x = (t) => ((t - from) / (to - from)) * width;
  const [lowest, highest] = [
    marks[0],
    Math.max(...rows.map((r) => curve.pick(r.values)?.draw() ?? 0), marks[0] + 1e-9),
  ];
  const y = (v) => 1 + ((highest - v) / (highest - lowest)) * (height - 2);
  const id = `hatch-${++patterns}`;
  return s(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true', class: 'spark' },
    hatch(id),
    drawCurve(points(rows, curve, x, y), 'bars', y(Math.max(0, lowest)), id, 0, false),
  );
}
