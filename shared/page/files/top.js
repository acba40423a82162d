// The greatest keys of a view: which they are over the whole range, and how each went in steps.
import * as ask from './ask.js';
import { h, replace } from './dom.js';
import { withKeys, write } from './state.js';
import { idOf, showTop } from './tables.js';
import { orderOf } from './values.js';

const SIZES = [10, 25, 100];

export class TopKeys {
  constructor(go) {
    this.go = go;
    this.choices = h('div', { class: 'choices' });
    this.table = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Top keys' });
    this.element = h(
      'section',
      { class: 'block', hidden: true, 'aria-label': 'Top keys' },
      h('div', { class: 'block-head' }, h('h2', {}, 'Top keys'), this.choices),
      this.table,
    );
  }

  // show asks for the keys and draws them. There is nothing to compare where one key is selected, or no row is there.
  // of: state, view, step, from, to, and chosen(), the aggregates with a chart.
  async show(of, total, ofView, at, signal) {
    const { state, view } = of,
      fields = ask.groupsOf(state, view);
    const orders = view.aggregates.map(orderOf).filter(Boolean);
    this.element.hidden = !total || fields.length === 0 || ask.isOneKey(state, view) || orders.length === 0;
    if (this.element.hidden) return;
    const chosen = of.chosen();
    const order = orders.includes(state.order) ? state.order : orderOf(chosen[0]) || orders[0];
    const { body } = await ofView(ask.top(state, view, order, of.step, false, at));
    const { body: small } = await ofView(ask.top(state, view, order, of.step, true, at));
    if (signal.aborted) return;
    replace(this.choices, this.chooseFields(state, view, fields), this.chooseSize(state));
    showTop(this.table, {
      rows: body.data,
      steps: bySteps(small.data),
      fields,
      order,
      from: of.from,
      to: of.to,
      aggregates: view.aggregates.filter((a) => orderOf(a) === order || chosen.includes(a)),
      linkOf: (key) => write({ ...state, keys: withKeys(state.keys, oneValue(key)) }),
      sort: (by) => this.go({ order: by }),
    });
  }

  chooseFields(state, view, fields) {
    if (view.key.length < 2) return null;
    return h(
      'span',
      { role: 'group', 'aria-label': 'Keys by' },
      view.key.map(({ field }) =>
        toggle(field, fields.includes(field), () => {
          const next = fields.includes(field) ? fields.filter((f) => f !== field) : [...fields, field];
          if (next.length) this.go({ by: next.length === view.key.length ? null : next });
        }),
      ),
    );
  }

  chooseSize(state) {
    return h(
      'span',
      { role: 'group', 'aria-label': 'How many' },
      SIZES.map((n) => toggle(String(n), state.top === n, () => this.go({ top: n }))),
    );
  }
}

function toggle(name, pressed, press) {
  return h('button', { type: 'button', class: 'toggle', 'aria-pressed': String(pressed), onclick: press }, name);
}

// oneValue is a key as the state has it: each field with a list of values.
function oneValue(key) {
  return Object.fromEntries(Object.entries(key).map(([field, value]) => [field, [value]]));
}

function bySteps(rows) {
  const byKey = new Map();
  for (const row of rows) {
    const id = idOf(row.key);
    if (!byKey.has(id)) byKey.set(id, []);
    byKey.get(id).push({ ...row, t0: Date.parse(row.start), t1: Date.parse(row.end) });
  }
  return byKey;
}
