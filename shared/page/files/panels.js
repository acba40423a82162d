// The numbers and charts of a view: a card per aggregate, with its value over the whole range, and a chart for each
// card that is switched on.
import { draw } from './chart.js';
import { h, replace } from './dom.js';
import { span } from './time.js';
import { boundOf, curvesOf, kindOf, shown, texts } from './values.js';

// card shows an aggregate's value over the whole range. Pressed, it has a chart.
function card(aggregate, total, pressed, toggle) {
  return h(
    'button',
    {
      type: 'button',
      class: 'card',
      'aria-pressed': String(pressed),
      onclick: () => toggle(aggregate.name),
      title: aggregate.expr,
      id: `card-${aggregate.name}`,
    },
    h('span', { class: 'name' }, aggregate.name),
    h('span', { class: 'value' }, shown(total.values[aggregate.name], total.errors?.[aggregate.name], 4)),
    h(
      'span',
      { class: 'foot' },
      h('span', { class: total.exact ? 'state exact' : 'state live' }, total.exact ? 'exact' : 'live'),
      boundOf(total.errors?.[aggregate.name]),
    ),
  );
}

// showCards draws the cards. total is the row over the whole range.
export function showCards(element, aggregates, total, chosen, toggle) {
  const focused = document.activeElement?.id;
  replace(
    element,
    aggregates.map((a) => card(a, total, chosen.includes(a.name), toggle)),
  );
  if (focused?.startsWith('card-')) document.getElementById(focused)?.focus({ preventScroll: true });
}

// Panels are the charts below the cards. One row is selected in all of them.
export class Panels {
  constructor(element) {
    this.element = element;
    this.selected = null; // start of the selected row, as the server wrote it; null for none
    this.panels = [];
    new ResizeObserver(() => this.redraw()).observe(element);
  }

  // show draws the answer. what: rows, aggregates (those that are drawn), from, to, zone, horizon, kappa.
  show(what) {
    this.what = what;
    const names = what.aggregates.map((a) => a.name).join();
    if (this.names !== names) {
      this.names = names;
      this.panels = what.aggregates.map((aggregate) => new Panel(this, aggregate));
      replace(
        this.element,
        this.panels.map((p) => p.element),
      );
    }
    this.redraw();
  }

  clear() {
    this.names = undefined;
    this.what = undefined;
    this.panels = [];
    this.element.replaceChildren();
  }

  redraw() {
    if (!this.what) return;
    this.panels.forEach((panel, n) => panel.draw(this.what, n === 0));
  }

  // select marks a row in all charts; the panel that was pointed at shows it in words.
  select(start, by) {
    this.selected = start;
    for (const panel of this.panels) panel.mark(panel === by);
  }
}

class Panel {
  constructor(all, aggregate) {
    this.all = all;
    this.aggregate = aggregate;
    this.plot = h('div', {
      class: 'plot',
      onpointermove: (e) => this.point(e),
      onpointerdown: (e) => this.point(e),
      onpointerleave: (e) => {
        if (e.pointerType === 'mouse') this.all.select(null, this);
      },
      onkeydown: (e) => this.press(e),
      onblur: () => this.all.select(null, this),
    });
    this.words = h('div', { class: 'words', hidden: true });
    this.element = h(
      'figure',
      { class: 'panel' },
      h('figcaption', {}, h('span', { class: 'name' }, aggregate.name), ' ', h('code', {}, aggregate.expr)),
      h('div', { class: 'stage' }, this.plot, this.words),
    );
  }

  draw(what, first) {
    this.element.classList.toggle('first', first);
    const width = Math.max(240, this.plot.clientWidth || this.all.element.clientWidth - 32);
    this.rows = what.rows;
    const curves = curvesOf(this.aggregate);
    if (kindOf(this.aggregate) === 'list' || !this.rows.some((r) => curves.some((c) => c.pick(r.values)))) {
      this.picture = null;
      replace(this.plot, this.list(what.total?.values[this.aggregate.name], what.total?.errors?.[this.aggregate.name]));
    } else {
      this.picture = draw({ ...what, curves, kind: kindOf(this.aggregate), width, height: first ? 260 : 180 });
      replace(this.plot, this.picture.svg);
    }
    this.describe();
    this.mark(!this.words.hidden);
  }

  // describe makes a chart a slider over its rows, so that arrow keys move and a screen reader reads each row.
  describe() {
    const slider = {
      role: 'slider',
      tabindex: '0',
      'aria-label': `Rows of ${this.aggregate.name}`,
      'aria-valuemin': '1',
      'aria-valuemax': String(this.rows.length),
    };
    for (const [name, value] of Object.entries(slider)) {
      if (this.picture) this.plot.setAttribute(name, value);
      else this.plot.removeAttribute(name);
    }
  }

  // list draws a list of the most frequent values over the whole range. What else is no number stands in the table.
  list(entries, bound) {
    if (!Array.isArray(entries) || entries.length === 0) {
      return h('p', { class: 'quiet' }, 'Nothing here can be drawn. The table of rows has these values.');
    }
    const numbers = entries.map((e) => (e.count ?? e.weight).draw()),
      most = Math.max(...numbers, 1e-300);
    const lines = texts(entries, bound);
    const ranking = h(
      'ol',
      { class: 'ranking' },
      lines.map(({ label, value }, i) => {
        const bar = h('span', { class: this.all.what.total.exact ? 'bar exact' : 'bar live' });
        bar.style.width = `${Math.max(0.5, (100 * numbers[i]) / most)}%`;
        return h('li', {}, h('span', { class: 'clip' }, label), h('span', { class: 'number' }, value), bar);
      }),
    );
    return bound ? [ranking, h('p', { class: 'quiet' }, 'Each number is an estimate: ', boundOf(bound))] : ranking;
  }

  index() {
    return this.rows?.findIndex((row) => row.start === this.all.selected) ?? -1;
  }

  point(event) {
    if (!this.picture) return;
    const i = this.picture.rowAt(event.clientX - this.plot.getBoundingClientRect().left);
    if (i >= 0) this.all.select(this.rows[i].start, this);
  }

  press(event) {
    const last = this.rows.length - 1,
      i = this.index();
    const to = {
      ArrowRight: i + 1,
      ArrowUp: i + 1,
      ArrowLeft: i < 0 ? last : i - 1,
      ArrowDown: i < 0 ? last : i - 1,
      Home: 0,
      End: last,
      PageUp: i + 10,
      PageDown: i - 10,
    }[event.key];
    if (event.key === 'Escape') this.all.select(null, this);
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.all.select(this.rows[Math.min(last, Math.max(0, to))].start, this);
  }

  // mark marks the selected row; speaking, it also says what the row has.
  mark(speaking) {
    if (!this.picture) return;
    const i = this.index(),
      row = this.rows[i];
    const at = this.picture.band(i);
    this.plot.setAttribute('aria-valuenow', String(i < 0 ? this.rows.length : i + 1));
    this.plot.setAttribute('aria-valuetext', row ? this.spoken(row) : `${this.rows.length} rows; arrow keys read them`);
    this.words.hidden = !(row && speaking);
    if (this.words.hidden) return;
    replace(this.words, this.written(row));
    const room = this.plot.clientWidth,
      width = this.words.offsetWidth;
    const place = at > room / 2 ? at - width - 12 : at + 12;
    this.words.style.left = `${Math.max(0, Math.min(place, room - width))}px`;
  }

  spoken(row) {
    const value = texts(row.values[this.aggregate.name])
      .map(({ label, value: v }) => `${text(label)} ${text(v)}`.trim())
      .join(', ');
    return `${span(row.start, row.end)}: ${this.aggregate.name} ${value}, ${row.exact ? 'exact' : 'live'}`;
  }

  written(row) {
    const name = this.aggregate.name,
      { batch, speed } = row.parts ?? {};
    const line = (label, value, bound, kind) =>
      h(
        'div',
        { class: `line ${kind}` },
        h('span', { class: 'label' }, label),
        h('span', { class: 'number' }, shown(value, bound), boundOf(bound)),
      );
    return [
      h('p', { class: 'when' }, span(row.start, row.end)),
      line(name, row.values[name], row.errors?.[name], 'all'),
      row.parts ? [line('batch', batch?.[name], null, 'batch'), line('speed', speed?.[name], null, 'speed')] : null,
      Object.hasOwn(row.skipped ?? {}, name) ? line('skipped events', row.skipped[name], null, 'left-out') : null,
      h('p', { class: row.exact ? 'state exact' : 'state live' }, this.all.what.explain(row)),
    ];
  }
}

const text = (v) => (typeof v === 'string' ? v : v.textContent);
