// Two tables: the greatest keys, each with a small chart, and the rows of the charts.
import { spark } from './chart.js';
import { foreign, h, replace } from './dom.js';
import { span } from './time.js';
import { boundOf, curvesOf, orderOf, shown } from './values.js';

// idOf tells keys apart.
export const idOf = (key) => JSON.stringify(key);

// showTop draws the table of the greatest keys.
//
// what: rows (one per key), steps (rows in steps, by idOf), fields, aggregates, order, from, to, linkOf(key),
// sort(order).
export function showTop(element, what) {
  const focused = document.activeElement?.id;
  const sorted = what.aggregates.find((a) => orderOf(a) === what.order);
  const head = h(
    'tr',
    {},
    what.fields.map((f) => h('th', { scope: 'col' }, f)),
    h('th', { scope: 'col', class: 'trend' }, `${sorted?.name ?? ''} over time`),
    what.aggregates.map((a) => heading(a, what)),
    h('th', { scope: 'col' }, 'State'),
  );
  replace(
    element,
    h(
      'table',
      { class: 'top' },
      h('thead', {}, head),
      h(
        'tbody',
        {},
        what.rows.map((row) => topRow(row, what, sorted)),
      ),
    ),
  );
  if (focused?.startsWith('sort-')) document.getElementById(focused)?.focus({ preventScroll: true });
}

// heading of a column of numbers sorts by it.
function heading(aggregate, what) {
  const order = orderOf(aggregate),
    isSorted = order === what.order;
  return h(
    'th',
    { scope: 'col', class: 'number', 'aria-sort': isSorted ? 'descending' : null },
    order === ''
      ? aggregate.name
      : h(
          'button',
          {
            type: 'button',
            class: 'sort',
            id: `sort-${aggregate.name}`,
            onclick: () => what.sort(order),
            title: `Greatest ${order} first`,
          },
          aggregate.name,
          isSorted ? h('span', { 'aria-hidden': 'true' }, ' ↓') : null,
        ),
  );
}

function topRow(row, what, sorted) {
  const steps = what.steps?.get(idOf(row.key)) ?? [];
  const curve = sorted && curvesOf(sorted).find((c) => what.order.endsWith(c.name));
  const cells = what.fields.map((f, i) =>
    i > 0
      ? h('td', {}, h('span', { class: 'clip' }, foreign(row.key[f])))
      : h('th', { scope: 'row' }, h('a', { href: what.linkOf(row.key), class: 'clip' }, foreign(row.key[f]))),
  );
  return h(
    'tr',
    {},
    cells,
    h('td', { class: 'trend' }, curve && steps.length ? spark(steps, curve, what.from, what.to, 132, 26) : null),
    what.aggregates.map((a) =>
      h('td', { class: 'number' }, shown(row.values[a.name], row.errors?.[a.name], 4), boundOf(row.errors?.[a.name])),
    ),
    h('td', {}, state(row)),
  );
}

function state(row) {
  return h('span', { class: row.exact ? 'state exact' : 'state live' }, row.exact ? 'exact' : 'live');
}

// MOST_ROWS is how many rows the page lists. CSV has all of them.
const MOST_ROWS = 500;

// showRows draws the rows of the charts as a table, the latest first.
export function showRows(element, rows, aggregates) {
  const latest = rows.slice(-MOST_ROWS).reverse();
  replace(
    element,
    rows.length > MOST_ROWS
      ? h('p', { class: 'quiet' }, `The latest ${MOST_ROWS} of ${rows.length.toLocaleString('en')} rows; CSV has all.`)
      : null,
    h(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Rows' },
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('th', { scope: 'col' }, 'Time'),
            aggregates.map((a) => h('th', { scope: 'col', class: 'number' }, a.name)),
            h('th', { scope: 'col' }, 'State'),
          ),
        ),
        h(
          'tbody',
          {},
          latest.map((row) =>
            h(
              'tr',
              {},
              h('th', { scope: 'row' }, span(row.start, row.end)),
              aggregates.map((a) =>
                h(
                  'td',
                  { class: 'number' },
                  shown(row.values[a.name], row.errors?.[a.name]),
                  boundOf(row.errors?.[a.name]),
                ),
              ),
              h('td', {}, state(row)),
            ),
          ),
        ),
      ),
    ),
  );
}
