// Says in words what numbers alone do not: what "exact" means here, why there is nothing, what went wrong.
import { now, Problem } from './api.js';
import { isOneKey, lengthOf } from './ask.js';
import { foreign, h } from './dom.js';
import { format } from './numbers.js';
import { ago, moment, secondText, spell, clock, windowLength } from './time.js';

// freshness says how fresh a view is, in a few words.
export function freshness(view, zone = 'UTC') {
  if (view.error) return { kind: 'bad', text: view.error };
  if (view.state !== 'serving' && view.state !== 'retained')
    return { kind: 'wait', text: `${view.state}: no answers yet` };
  if (view.architecture === 'kappa') return { kind: 'good', text: 'kept by the stream alone' };
  if (!view.horizon) return { kind: 'wait', text: 'batch has not run yet' };
  const at = Date.parse(view.horizon);
  return { kind: 'good', text: `exact up to ${secondText(clock(at, zone))}, ${ago(now() - at)} ago` };
}

// explain says why a row is exact or not.
export function explain(row, answer) {
  const at = row.horizon ?? answer.horizon;
  if (row.exact) return `Exact: all events that arrived before ${moment(Date.parse(at), answer.tz)}.`;
  if (!answer.horizon) return 'Live: the stream alone keeps this view.';
  if (row.parts?.speed) return 'Live: batch has not counted all of it yet.';
  return 'Not exact yet: its time has not ended for batch, or the range cuts it.';
}

// legend says what solid and hatched are, with how many rows are which.
export function legend(rows, answer, to) {
  const exact = rows.filter((row) => row.exact).length;
  const count = (n) => `${n.toLocaleString('en')} ${n === 1 ? 'row' : 'rows'}`;
  const horizon = answer.horizon ?? answer.complete;
  const name = answer.horizon ? 'Horizon' : 'Complete up to';
  return [
    h('span', { class: 'key solid' }, `Exact: ${count(exact)}`),
    h('span', { class: 'key hatched' }, `Live: ${count(rows.length - exact)}`),
    horizon
      ? h(
          'span',
          { class: 'key line' },
          `${name} ${moment(Date.parse(horizon), answer.tz)}`,
          Date.parse(horizon) > to ? ', right of this chart' : '',
        )
      : null,
  ];
}

// problem shows an error in the API's own words.
export function problem(error) {
  const words = error instanceof Problem ? error.message : `The server cannot be reached: ${error.message}`;
  return h(
    'div',
    { class: 'problem', role: 'alert' },
    h('p', {}, foreign(words, { title: null })),
    error.code ? h('p', { class: 'quiet' }, 'Code ', h('code', {}, error.code), ` (HTTP ${error.status})`) : null,
  );
}

// warnings are those of an answer, and what the view could not use.
export function warnings(answer) {
  return [
    answer.warnings.map((text) => h('p', { class: 'warning' }, foreign(text, { title: null }))),
    answer.skipped.length ? skips(answer.skipped) : null,
  ];
}

// skips is a table of the events that a view could not use.
export function skips(all) {
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Skipped events' },
    h(
      'table',
      { class: 'skips' },
      h('caption', {}, 'Events that the view could not use'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Where', 'Why', 'Events', 'Since', 'For example'].map((t) =>
            h('th', { scope: 'col', class: t === 'Events' ? 'number' : null }, t),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        all.map((skip) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, skip.place),
            h('td', {}, skip.reason),
            h('td', { class: 'number' }, format(skip.events)),
            h('td', {}, moment(Date.parse(skip.since), 'UTC')),
            h('td', {}, foreign(skip.sample.source), ' ', foreign(skip.sample.id)),
          ),
        ),
      ),
    ),
  );
}

// nothing says why an answer has no rows. keys is the directory's answer to the same keys, null if it was not asked.
export function nothing(state, view, keys) {
  const chosen = Object.entries(state.keys);
  if (keys && keys.keys.length === 0 && chosen.length === 0) {
    return [
      'No events yet.',
      `No event has reached the view ${view.name}. Send some, and they show here within seconds: `,
      'anabranch send events.ndjson',
    ];
  }
  if (keys && keys.keys.length === 0) {
    return [
      'No such key.',
      [
        'The directory of the view lists no key with ',
        chosen.map(([field, values], i) => [
          i ? ' and ' : '',
          field,
          ' ',
          values.map((v, n) => [n ? ' or ' : '', foreign(v)]),
        ]),
        '. A new key is listed a few seconds after its first event.',
      ],
      '',
    ];
  }
  if (state.range !== 'all') {
    return [
      'No events in this range.',
      `The view has ${isOneKey(state, view) && chosen.length ? 'this key' : 'such keys'}, but no ` +
        `window of ${lengthOf(state.range) ? 'that time' : 'the range'} has an event of it. Choose a longer range.`,
      '',
    ];
  }
  return ['No events.', `No window of ${spell(windowLength(view.window))} has an event yet.`, ''];
}
