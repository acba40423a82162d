// Numbers with all their digits. JSON.parse would round them to 53 bits, so a number stays the text that the server
// wrote. Only what is drawn becomes a float.

// Exact is a number of an answer: its text, as in the JSON.
export class Exact {
  constructor(text) {
    this.text = text;
  }
  // draw is the nearest float, for places on the screen only.
  draw() {
    return Number(this.text);
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARK = '$n'; // no field of a view can have this name, since it has a $

// parse reads JSON; each number becomes an Exact.
export function parse(json) {
  const marked = json.replace(TOKEN, (token) => (token[0] === '"' ? token : `{"${MARK}":"${token}"}`));
  return JSON.parse(marked, (_, v) =>
    v !== null && typeof v === 'object' && typeof v[MARK] === 'string' ? new Exact(v[MARK]) : v,
  );
}

// format writes a number with thousands separators, and with all its digits.
export function format(number) {
  const [, sign, whole, rest] = /^(-?)(\d+)(.*)$/.exec(number.text);
  return (sign ? '\u2212' : '') + whole.replace(/\B(?=(\d{3})+$)/g, ',') + rest;
}

const SUFFIXES = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

// short writes a float for an axis: 1.5M. Its digits suffice to tell the ticks of an axis apart.
export function short(value) {
  const size = Math.abs(value);
  const trim = (v) => String(Number(v.toPrecision(6))).replace('-', '\u2212');
  if (size >= 1e15 || (size > 0 && size < 1e-4))
    return value.toExponential(1).replace('e+', 'e').replace('-', '\u2212');
  if (size < 10000) return trim(value).replace(/^(\D?\d)(\d{3})(?!\d)/, '$1,$2');
  const [unit, suffix] = SUFFIXES.find(([n]) => size >= n);
  return trim(value / unit) + suffix;
}

// ticks are round numbers that cover low to high, about n of them.
export function ticks(low, high, n) {
  if (low === high) high = low + 1;
  const rough = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= rough * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
