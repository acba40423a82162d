// What the page shows is in the part of its address behind the #. So a link shows the same again, and "back" goes back.
// A browser does not send that part to any server, so keys of a view reach no log.

const KEY = 'key.';

// withKeys returns the keys of a state with some changed. The object has no prototype. With one, every state would have
// a key field "constructor" whose value is a function.
export const withKeys = (keys, changes) => Object.assign(Object.create(null), keys, changes);

// read returns the state that an address says. Every field has a value.
export function read(hash = location.hash) {
  const p = new URLSearchParams(hash.replace(/^#/, ''));
  const list = (name) => (p.get(name) ? p.get(name).split(',') : []);
  const keys = withKeys();
  for (const [name, value] of p) {
    if (name.startsWith(KEY)) (keys[name.slice(KEY.length)] ??= []).push(value);
  }
  return {
    tab: p.get('tab') === 'status' ? 'status' : 'views',
    view: p.get('view') ?? '',
    keys, // field: values, any of which a key may have
    values: list('values'), // aggregates that are drawn; [] for the first one
    by: p.has('by') ? list('by') : null, // fields of the table of top keys; null for all
    order: p.get('order') ?? '', // value that orders that table
    top: Number(p.get('top')) || 10,
    range: p.get('range') ?? (p.get('from') || p.get('to') ? 'custom' : 'all'),
    from: p.get('from') ?? '',
    to: p.get('to') ?? '',
    step: p.get('step') ?? 'auto',
    tz: p.get('tz') ?? 'UTC',
    live: p.get('live') !== 'off',
  };
}

// write returns the address of a state, with what differs from the default alone.
export function write(state) {
  const p = new URLSearchParams();
  const set = (name, value, otherwise) => {
    if (value !== otherwise) p.set(name, value);
  };
  set('tab', state.tab, 'views');
  set('view', state.view, '');
  for (const [field, values] of Object.entries(state.keys)) {
    for (const value of values) p.append(KEY + field, value);
  }
  set('values', state.values.join(','), '');
  if (state.by) p.set('by', state.by.join(','));
  set('order', state.order, '');
  set('top', String(state.top), '10');
  if (state.range === 'custom') {
    set('from', state.from, '');
    set('to', state.to, '');
    set('range', state.range, state.from || state.to ? 'custom' : 'all');
  } else {
    set('range', state.range, 'all');
  }
  set('step', state.step, 'auto');
  set('tz', state.tz, 'UTC');
  set('live', state.live ? 'on' : 'off', 'on');
  return '#' + p.toString();
}
