// The form above the charts: keys, range, step, time zone, live.
import { RANGES, stepsOf } from './ask.js';
import { h, replace } from './dom.js';
import { Picker } from './picker.js';
import { withKeys } from './state.js';
import { ownZone, spell, windowLength, zones } from './time.js';

const STEP_NAMES = { '1d': 'day', '1w': 'week', '1mo': 'month', '1q': 'quarter', '1y': 'year' };

function select(id, options, value, change) {
  const element = h(
    'select',
    { id, onchange: () => change(element.value) },
    options.map(([name, label]) => h('option', { value: name }, label)),
  );
  element.value = value;
  return element;
}

function field(id, label, ...inputs) {
  return h('div', { class: 'field' }, h('label', { for: id }, label), inputs);
}

export class Controls {
  // change is called with the part of the state that a person has changed.
  constructor(element, change, context) {
    Object.assign(this, { element, change, context });
  }

  // show brings the form to a state. It is built anew only for another definition, so that a poll takes no focus away.
  show(state, view) {
    const shape = JSON.stringify([view.name, view.key, view.window]);
    if (this.shape !== shape) {
      this.shape = shape;
      this.build(view);
    }
    for (const picker of this.pickers) picker.show(state.keys[picker.field] ?? []);
    this.range.value = state.range;
    this.step.value = state.step;
    if (document.activeElement !== this.zone) this.zone.value = state.tz;
    this.custom.hidden = state.range !== 'custom';
    if (document.activeElement !== this.from) this.from.value = state.from;
    if (document.activeElement !== this.to) this.to.value = state.to;
    this.live.checked = state.live;
  }

  build(view) {
    this.pickers = view.key.map(
      ({ field: name }, i) =>
        new Picker(
          name,
          i,
          (values) => {
            const keys = withKeys(this.context().state.keys, { [name]: values });
            if (values.length === 0) delete keys[name];
            this.change({ keys });
          },
          this.context,
        ),
    );
    this.range = select('range', [['all', 'All time'], ...RANGES, ['custom', 'From … to …']], 'all', (range) =>
      this.change({ range }),
    );
    const steps = stepsOf(view).map(([name]) => [
      name,
      name === 'window' ? `${spell(windowLength(view.window))} (window)` : (STEP_NAMES[name] ?? name),
    ]);
    this.step = select('step', [['auto', 'Automatic'], ...steps], 'auto', (step) => this.change({ step }));
    this.buildTimes();
    this.live = h('input', {
      id: 'live',
      type: 'checkbox',
      role: 'switch',
      onchange: () => this.change({ live: this.live.checked }),
    });
    replace(
      this.element,
      this.pickers.length
        ? h(
            'div',
            { class: 'keys' },
            this.pickers.map((p) => p.element),
          )
        : null,
      field('range', 'Range', this.range),
      this.custom,
      field('step', 'Step', this.step),
      field('tz', 'Time zone', this.zone, this.zoneList),
      h('div', { class: 'field switch' }, h('label', { for: 'live' }, 'Live'), this.live),
    );
  }

  buildTimes() {
    const time = (id, name) =>
      h('input', {
        id,
        type: 'text',
        spellcheck: 'false',
        placeholder: '2015-05-17 or -24h',
        onchange: (e) => this.change({ [name]: e.target.value.trim() }),
      });
    [this.from, this.to] = [time('from', 'from'), time('to', 'to')];
    this.custom = h(
      'div',
      { class: 'custom', hidden: true },
      field('from', 'From', this.from),
      field('to', 'To', this.to),
    );
    this.zone = h('input', {
      id: 'tz',
      list: 'zones',
      autocomplete: 'off',
      spellcheck: 'false',
      onfocus: () => this.zone.select(),
      onchange: () => this.change({ tz: this.zone.value.trim() || 'UTC' }),
    });
    const own = ownZone();
    this.zoneList = h(
      'datalist',
      { id: 'zones' },
      h('option', { value: own }, 'of this browser'),
      zones()
        .filter((z) => z !== own)
        .map((z) => h('option', { value: z })),
    );
  }
}
