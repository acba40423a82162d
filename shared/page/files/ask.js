// Turns what the page shows into questions: parameters of the HTTP API, a command of curl and one of anabranch.
import { base } from './api.js';
import { beginOf, DAY, HOUR, MINUTE, SECOND, spell, windowLength } from './time.js';

// MOST_BARS is how many rows a chart may have where the page chooses the step.
const MOST_BARS = 200;

export const RANGES = [
  ['15m', 'Last 15 minutes', 15 * MINUTE],
  ['1h', 'Last hour', HOUR],
  ['6h', 'Last 6 hours', 6 * HOUR],
  ['24h', 'Last 24 hours', DAY],
  ['7d', 'Last 7 days', 7 * DAY],
  ['30d', 'Last 30 days', 30 * DAY],
];

// lengthOf is the length of a range that ends now, in milliseconds; undefined for another range.
export function lengthOf(range) {
  return RANGES.find(([name]) => name === range)?.[2];
}

const SHORT = [SECOND, 10 * SECOND, 30 * SECOND].concat(
  [1, 5, 15, 30].map((n) => n * MINUTE),
  [1, 3, 6, 12].map((n) => n * HOUR),
);
const LONG = [
  ['1d', DAY],
  ['1w', 7 * DAY],
  ['1mo', 30 * DAY],
  ['1q', 91 * DAY],
  ['1y', 365 * DAY],
];

// stepsOf are the steps that the windows of a view can give, as [name, length]. The first is one row per window.
export function stepsOf(view) {
  const window = windowLength(view.window);
  const short = SHORT.filter((n) => n > window && n % window === 0).map((n) => [spell(n), n]);
  return [['window', window], ...short, ...LONG.filter(([, n]) => n > window)];
}

// chooseStep is the shortest step with at most MOST_BARS rows between two instants.
export function chooseStep(view, from, to) {
  const all = stepsOf(view);
  return (all.find(([, n]) => (to - from) / n <= MOST_BARS) ?? all[all.length - 1])[0];
}

// bounds are the ends of the range as the API takes them, "" for an open end. A range that ends now begins where a
// step does. So it cuts none, and the question, with the tag of its answer, stays the same until the next step.
export function bounds(state, view, now, step = 'window') {
  const length = lengthOf(state.range);
  if (length) {
    const [, ofStep] = stepsOf(view).find(([name]) => name === step) ?? ['', windowLength(view.window) || MINUTE];
    const from = beginOf(now - length, step, ofStep, state.tz);
    return { from: new Date(from).toISOString().replace('.000Z', 'Z'), to: '' };
  }
  return state.range === 'custom' ? { from: state.from, to: state.to } : { from: '', to: '' };
}

// isOneKey reports whether every key field of the view has exactly one value.
export function isOneKey(state, view) {
  return view.key.every(({ field }) => state.keys[field]?.length === 1);
}

function common(state, view, now, step) {
  const p = new URLSearchParams();
  for (const { field } of view.key) {
    for (const value of state.keys[field] ?? []) p.append(`key.${field}`, value);
  }
  const { from, to } = bounds(state, view, now, step);
  if (from) p.set('from', from);
  if (to) p.set('to', to);
  if (state.tz !== 'UTC') p.set('tz', state.tz);
  return p;
}

// rows asks for the rows of the charts: those of one key, or of all selected keys together.
export function rows(state, view, values, step, now) {
  const p = common(state, view, now, step);
  p.set('values', values.join(','));
  p.set('parts', 'true');
  if (!isOneKey(state, view)) p.set('group_by', '');
  if (step !== 'window') p.set('step', step);
  return p;
}

// whole asks for one row over the range of these rows, with every aggregate.
export function whole(state, view, step, now) {
  const p = common(state, view, now, step);
  p.set('group_by', '');
  p.set('step', 'all');
  return p;
}

// top asks for the greatest keys, over the range of these rows, or in the same steps.
export function top(state, view, order, step, inSteps, now) {
  const p = common(state, view, now, step);
  p.set('group_by', groupsOf(state, view).join(','));
  p.set('order', `-${order}`);
  p.set('limit', String(state.top));
  if (inSteps) p.set('values', order);
  if (!inSteps || step !== 'window') p.set('step', inSteps ? step : 'all');
  return p;
}

// groupsOf are the key fields of the table of top keys.
export function groupsOf(state, view) {
  const all = view.key.map(({ field }) => field);
  return state.by ? all.filter((field) => state.by.includes(field)) : all;
}

export const pathOf = (view, rest = '/query') => `v1/views/${encodeURIComponent(view.name)}${rest}`;

// quote writes a word for a shell of POSIX. Single quotes keep everything else as it is.
export function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

// curl is the same question as a command. The key comes from the environment, so that no history keeps it.
export function curl(view, parameters, withKey) {
  const u = new URL(pathOf(view), base);
  u.search = parameters.toString().replaceAll('%2C', ','); // easier to read, and the same
  const key = withKey ? ' -H "authorization: Bearer $ANABRANCH_KEY"' : '';
  return `curl -fsS${key} ${quote(u.href)}`;
}

// command is the same question for the command of Anabranch.
export function command(view, parameters, step) {
  const words = ['anabranch', 'query', view.name];
  for (const [name, value] of parameters) {
    if (name.startsWith('key.')) words.push(quote(`${name.slice(4)}=${value}`));
  }
  const flag = (name, value) => words.push(`--${name}`, value === '' ? "''" : quote(value));
  for (const name of ['from', 'to', 'tz', 'values']) {
    if (parameters.get(name)) flag(name, parameters.get(name));
  }
  if (parameters.has('group_by')) flag('by', parameters.get('group_by'));
  // With --by the command gives one row for the whole range, unless a step says otherwise.
  const length = step === 'window' && parameters.has('group_by') ? spell(windowLength(view.window)) : '';
  if (parameters.get('step') || length) flag('step', parameters.get('step') || length);
  if (parameters.get('parts')) words.push('--parts');
  const server = base.href.replace(/\/$/, '');
  if (server !== 'http://127.0.0.1:8080') flag('url', server);
  return words.join(' ');
}
