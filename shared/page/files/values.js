// The values of rows: which kind an aggregate's values are, how they are written, and which curves they give.
import { foreign, h } from './dom.js';
import { Exact, format } from './numbers.js';

// functionOf is the name of an aggregate's function: "count".
export const functionOf = (aggregate) => /^\s*([a-z_]+)/.exec(aggregate.expr)?.[1] ?? '';

const BARS = new Set(['count', 'sum', 'rate']);
const READINGS = ['p50', 'p95', 'p99'];

// kindOf says how an aggregate is drawn: bars for what adds up, lines for what does not, and a list for top.
export function kindOf(aggregate) {
  const name = functionOf(aggregate);
  if (name === 'top') return 'list';
  return BARS.has(name) ? 'bars' : 'lines';
}

// asked is what the parameter values says for an aggregate. Quantiles are asked for by the readings that are drawn.
export function asked(aggregate) {
  return functionOf(aggregate) === 'quantiles' ? READINGS.map((r) => `${aggregate.name}.${r}`) : [aggregate.name];
}

// orderOf is what the parameter order says for an aggregate; "" if no key can be greater than another by it.
export function orderOf(aggregate) {
  if (!aggregate.number) return '';
  return functionOf(aggregate) === 'quantiles' ? `${aggregate.name}.p95` : aggregate.name;
}

// curvesOf are the curves of an aggregate: [{name, pick}], where pick takes the number of a row's values, or null.
export function curvesOf(aggregate) {
  const number = (v) => (v instanceof Exact ? v : null);
  if (functionOf(aggregate) === 'quantiles') {
    return READINGS.map((r) => ({ name: r, pick: (values) => number(values?.[aggregate.name]?.[r]) }));
  }
  return [{ name: aggregate.name, pick: (values) => number(values?.[aggregate.name]) }];
}

// texts are the lines that write a value: [{label, value}], where value is a text or an element. bound is that of an
// estimate: the numbers of a top with a bound begin with ~.
export function texts(value, bound) {
  if (value === null || value === undefined) return [{ label: '', value: '–' }];
  if (value instanceof Exact) return [{ label: '', value: format(value) }];
  if (typeof value === 'string') return [{ label: '', value: foreign(value) }];
  if (typeof value === 'boolean') return [{ label: '', value: String(value) }];
  if (Array.isArray(value)) {
    if (value.length === 0) return [{ label: '', value: 'none' }];
    return value.map((entry) => {
      const [name, number] = entryOf(entry);
      return { label: name, value: bound ? `~${number}` : number };
    });
  }
  return Object.entries(value).map(([name, v]) => ({ label: name, value: texts(v)[0].value }));
}

// entryOf takes one value of top apart: the value, and its number or its weight.
function entryOf(entry) {
  const { value, ...rest } = entry;
  const number = Object.values(rest).find((v) => v instanceof Exact);
  return [value instanceof Exact ? format(value) : foreign(String(value)), number ? format(number) : ''];
}

// errorText writes the bound of an estimate: "± 4.2 %". That of a top has one side, since it may miss events and never
// counts too many: "up to 12 more".
export function errorText(bound) {
  if (!bound) return '';
  for (const [name, v] of Object.entries(bound)) {
    if (!(v instanceof Exact)) continue;
    if (name === 'relative') return `± ${Number((v.draw() * 100).toPrecision(3))} %`;
    return `up to ${format(v)} more`;
  }
  return '';
}

// shown writes a value in a line, or in at most so many.
export function shown(value, bound, most = 10) {
  return texts(value, bound)
    .slice(0, most)
    .map(({ label, value: text }) =>
      h(
        'span',
        { class: `reading ${sizeOf(text)}` },
        label ? [h('span', { class: 'label' }, label), ' '] : null,
        h('span', { class: 'digits' }, breakable(text)),
      ),
    );
}

// sizeOf says how small a text must be for a card. The longest one breaks.
function sizeOf(text) {
  const length = typeof text === 'string' ? text.length : text.textContent.length;
  if (length > 20) return 'longest';
  if (length > 15) return 'longer';
  return length > 11 ? 'long' : '';
}

// breakable lets a long number break behind its separators before it breaks anywhere else.
function breakable(text) {
  if (typeof text !== 'string' || text.length <= 20) return text;
  return text.split(/(?<=,)/).flatMap((part, i) => (i ? [h('wbr'), part] : [part]));
}

// boundOf says how far an estimate may be off; null for what is exact.
export function boundOf(bound) {
  const error = errorText(bound);
  return error ? h('span', { class: 'bound', title: 'Bound of the error of this estimate' }, error) : null;
}
