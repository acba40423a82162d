// The status tab: what operators look at. It needs a key with the scope admin.
import { get, now } from './api.js';
import { h, replace } from './dom.js';
import { format } from './numbers.js';
import { problem, skips } from './notes.js';
import { ago, moment } from './time.js';

const time = (text) => (text ? moment(Date.parse(text), 'UTC') : '–');
const since = (text) => (text ? `${time(text)} (${ago(now() - Date.parse(text))} ago)` : '–');
const plain = (id) => h('code', { title: id }, id.slice(0, 10));

// allowed reports whether the key may see the status.
export async function allowed() {
  try {
    await get('v1/admin/views');
    return true;
  } catch (error) {
    if (error.status === 401 || error.status === 403) return false;
    throw error;
  }
}

// showStatus asks for the status of all views and shows it. views are the descriptions, which have what was skipped.
// It draws nothing once the signal is aborted.
export async function showStatus(element, views, signal) {
  let body;
  try {
    ({ body } = await get('v1/admin/views', null, signal));
  } catch (error) {
    if (!signal.aborted) replace(element, problem(error));
    return;
  }
  if (signal.aborted) return;
  replace(
    element,
    h('h1', {}, 'Status'),
    overview(body),
    body.views.map((status) =>
      section(
        status,
        views.find((v) => v.name === status.view),
      ),
    ),
  );
}

function facts(pairs) {
  return h(
    'dl',
    { class: 'facts' },
    pairs
      .filter(Boolean)
      .map(([name, value, kind]) => h('div', { class: kind }, h('dt', {}, name), h('dd', {}, value))),
  );
}

function overview(body) {
  return [
    facts([
      ['Batch has counted', since(body.head.horizon)],
      ['The stream is known to have', since(body.swept.horizon)],
      ['Runs of batch', format(body.head.run)],
      ['Objects in the archive', format(body.archive.objects)],
      ['Events in the archive', format(body.archive.events)],
    ]),
    h(
      'p',
      { class: 'quiet' },
      'Rejected events are in no view. Ingest keeps each of them whole in the archive under ',
      h('code', {}, 'rejected/'),
      ', with the reason, and counts them in the metric ',
      h('code', {}, 'EventsRejected'),
      '.',
    ),
  ];
}

function section(status, view) {
  return h(
    'section',
    { class: 'status', 'aria-label': status.view },
    h('h2', {}, status.view),
    status.description ? h('p', { class: 'quiet' }, status.description) : null,
    [status.failure, status.misfit].filter(Boolean).map((text) => h('p', { class: 'warning' }, text)),
    status.retired ? h('p', { class: 'warning' }, `Retired: ${time(status.retired)}`) : null,
    generations(status),
    audit(status.audit),
    view?.skipped.length ? skips(view.skipped) : h('p', { class: 'quiet' }, 'Skipped events: none in the last 7 days.'),
  );
}

function generations(status) {
  const row = (g) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, plain(g.generation)),
      h('td', {}, h('span', { class: `badge ${g.state}` }, g.state)),
      h('td', {}, g.architecture),
      h('td', {}, plain(g.definition)),
      h('td', {}, time(g.horizon)),
      h('td', { class: 'number' }, format(g.runs_left)),
      h('td', {}, g.ready ? 'ready' : g.waits || '–'),
    );
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Generations of ${status.view}` },
    h(
      'table',
      {},
      h('caption', {}, 'Generations'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Generation', 'State', 'Architecture', 'Definition', 'Horizon', 'Runs left', 'May serve'].map((t) =>
            h('th', { scope: 'col', class: t === 'Runs left' ? 'number' : null }, t),
          ),
        ),
      ),
      h('tbody', {}, status.generations.map(row)),
    ),
  );
}

function audit(a) {
  if (!a || (!a.ended && !a.begun)) return h('p', { class: 'quiet' }, 'Audit: none yet.');
  const bad = a.drift.text !== '0' || a.lost.text !== '0';
  return [
    facts([
      ['Last audit', a.ended ? since(a.ended) : `began ${since(a.begun)}`],
      ['Windows compared', format(a.windows)],
      ['Drift', format(a.drift), a.drift.text !== '0' ? 'bad' : 'good'],
      ['Lost objects', format(a.lost), a.lost.text !== '0' ? 'bad' : 'good'],
      a.pending.text !== '0' ? ['Pending', format(a.pending)] : null,
    ]),
    a.error ? h('p', { class: 'warning' }, a.error) : null,
    a.note ? h('p', { class: 'quiet' }, a.note) : null,
    bad
      ? h(
          'ul',
          {},
          a.drifts.map((d) => h('li', {}, `${d.cause}: ${d.detail} (${d.start ? time(d.start) : 'no window'})`)),
          a.lost_objects.map((name) => h('li', {}, 'Lost object ', h('code', {}, name))),
        )
      : null,
  ];
}
