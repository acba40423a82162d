// Asks the API of the server that the page came from, and nobody else.
import { parse } from './numbers.js';

// The API stands beside the folder of this file, also where all paths begin with the name of a stage.
export const base = new URL('../', import.meta.url);

const STORED = 'anabranch-key';

// known has the last answers to the current key: {tag, body} by address. Another key gets an empty map. A late answer
// to the old key only reaches the old map.
let known = new Map();
const MOST_KNOWN = 40;

// The key lives as long as the tab. Nothing else is stored.
export const key = {
  get: () => sessionStorage.getItem(STORED) ?? '',
  set: (text) => {
    sessionStorage.setItem(STORED, text);
    known = new Map();
  },
  forget: () => {
    sessionStorage.removeItem(STORED);
    known = new Map();
  },
};

// Problem is an answer that is an error, in the API's own words.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.message ?? `the server answered with status ${status}`);
    this.status = status;
    this.code = body.code ?? '';
    this.type = body.type ?? '';
  }
  get needsKey() {
    return this.status === 401 || (this.status === 403 && this.code === '');
  }
}

// ahead is how far the server's clock is ahead of this one, in milliseconds, to the second.
let ahead = 0;
export const now = () => Date.now() + ahead;

function headersOf(tag) {
  const headers = { accept: 'application/json' };
  if (key.get()) {
    headers.authorization = `Bearer ${key.get()}`;
    headers['x-api-key'] = key.get(); // a deployed stack looks at the one or the other, as its KeyHeader says
  }
  if (tag) headers['if-none-match'] = tag;
  return headers;
}

async function problemOf(answer) {
  let body = {};
  try {
    body = await answer.json();
  } catch {
    // a proxy in between wrote no JSON; the status has to do
  }
  return new Problem(answer.status, body);
}

// url is the address of a path of the API with its parameters.
export function url(path, parameters) {
  const u = new URL(path, base);
  if (parameters) u.search = parameters.toString();
  return u;
}

// get asks a path. The answer is {body, changed}: changed is false if the server says that its last answer to the same
// question still holds. Error: a Problem; or a TypeError if the server cannot be reached.
export async function get(path, parameters, signal) {
  const u = url(path, parameters).href;
  const answers = known,
    before = answers.get(u);
  const answer = await fetch(u, { headers: headersOf(before?.tag), cache: 'no-store', signal });
  const date = Date.parse(answer.headers.get('date'));
  if (date) ahead = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
  if (answer.status === 304) return { body: before.body, changed: false };
  if (!answer.ok) throw await problemOf(answer);
  const body = parse(await answer.text());
  const tag = answer.headers.get('etag');
  answers.delete(u);
  if (tag) answers.set(u, { tag, body });
  if (answers.size > MOST_KNOWN) answers.delete(answers.keys().next().value);
  return { body, changed: true };
}

// download asks for a file and gives it to the browser. A link cannot send a key along.
export async function download(u, name) {
  const answer = await fetch(u, { headers: headersOf(), cache: 'no-store' });
  if (!answer.ok) throw await problemOf(answer);
  const local = URL.createObjectURL(await answer.blob());
  const link = document.createElement('a');
  link.href = local;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(local), 10000);
}
