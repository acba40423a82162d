// The page: one state in the address, one loop that asks, and what it draws. See docs/page.md.
import { get, key, Problem } from './api.js';
import { byId, foreign, h, replace } from './dom.js';
import { freshness } from './notes.js';
import { read, write } from './state.js';
import { allowed, showStatus } from './status.js';
import { ViewPage } from './view.js';

const VIEWS_EVERY = 10000; // milliseconds between two looks at the list of views

const page = {
  state: read(),
  views: [],
  admin: null, // whether the key may see the status; null if the server was not asked yet
  viewPage: null,
  leaveStatus: null, // an AbortController while the page shows the status
  listed: '',
  entries: [],
};

// go changes the state, and with it the address; then the page shows it.
function go(changes) {
  page.state = { ...page.state, ...changes };
  const address = write(page.state);
  if (address !== (location.hash || '#')) history.pushState(null, '', address);
  show();
}

function linkToView(name) {
  return write({ ...read('#'), view: name, tz: page.state.tz, live: page.state.live });
}

function showTabs() {
  const tabs = [['views', 'Views'], ...(page.admin ? [['status', 'Status']] : [])];
  replace(
    byId('tabs'),
    tabs.map(([tab, name]) =>
      h(
        'a',
        {
          href: write({ ...page.state, tab }),
          'aria-current': page.state.tab === tab ? 'page' : null,
        },
        name,
      ),
    ),
  );
}

// showViews draws the list of views. While it has the same views, only their freshness changes, so that neither focus
// nor the place of scrolling is lost.
function showViews() {
  const shape = JSON.stringify(page.views.map((view) => [view.name, view.description]));
  if (page.listed !== shape) {
    page.listed = shape;
    page.entries = page.views.map((view) => new Entry(view));
    replace(
      byId('views'),
      h(
        'ul',
        {},
        page.entries.map((entry) => h('li', {}, entry.link)),
      ),
    );
  }
  page.entries.forEach((entry, i) => entry.show(page.views[i]));
}

// Entry is a view in the list.
class Entry {
  constructor(view) {
    this.fresh = h('span', {});
    this.link = h(
      'a',
      {},
      h('span', { class: 'name' }, view.name),
      view.description ? h('span', { class: 'about' }, foreign(view.description, { title: null })) : null,
      this.fresh,
    );
  }

  show(view) {
    const fresh = freshness(view, page.state.tz);
    this.fresh.className = `fresh ${fresh.kind}`;
    this.fresh.textContent = fresh.text;
    this.link.href = linkToView(view.name);
    const current = page.state.view === view.name && page.state.tab === 'views';
    if (current === this.link.hasAttribute('aria-current')) return;
    if (current) {
      this.link.setAttribute('aria-current', 'true');
      this.link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    } else {
      this.link.removeAttribute('aria-current');
    }
  }
}

function showEmpty() {
  replace(
    byId('content'),
    h(
      'div',
      { class: 'empty' },
      h('h1', {}, 'No views yet'),
      h(
        'p',
        {},
        'The server has no view. Define one in a views file, and start ',
        h('code', {}, 'anabranch dev --views FILE'),
        ' or deploy it with ',
        h('code', {}, 'make deploy'),
        '.',
      ),
    ),
  );
}

// show draws the state. The parts that are there already stay, so that nothing flickers.
function show() {
  if (page.state.tab === 'status' && !page.admin) page.state.tab = 'views';
  if (!page.state.view && page.views.length) page.state.view = page.views[0].name;
  showTabs();
  showViews();
  byId('key-button').hidden = !key.get();
  document.title = `${page.state.tab === 'status' ? 'Status' : page.state.view || 'Views'} · Anabranch`;
  if (page.state.tab === 'status') {
    page.viewPage?.stop();
    page.viewPage = null;
    if (!page.leaveStatus) byId('content').replaceChildren();
    page.leaveStatus ??= new AbortController();
    showStatus(byId('content'), page.views, page.leaveStatus.signal);
    return;
  }
  page.leaveStatus?.abort();
  page.leaveStatus = null;
  const view = page.views.find((v) => v.name === page.state.view);
  if (!view && page.views.length === 0) {
    showEmpty();
    return;
  }
  if (!page.viewPage) {
    page.viewPage = new ViewPage(byId('content'), { go, ask: changeKey, reload: loadViews });
  }
  page.viewPage.show(page.state, view);
}

// loadViews asks for the list of views, and shows what is new in it. Of a new key it first asks what the key may see.
async function loadViews() {
  page.admin ??= await allowed();
  const { body } = await get('v1/views');
  page.views = body.views;
  show();
}

// watch looks at the list of views now and then: at their freshness, and whether there is another definition.
async function watch() {
  for (;;) {
    await new Promise((done) => {
      setTimeout(done, VIEWS_EVERY);
    });
    if (document.hidden || byId('key-dialog').open) continue;
    try {
      await loadViews();
    } catch (error) {
      if (error instanceof Problem && error.needsKey) await changeKey(error);
      // Any other failure is shown by the view itself, which asks more often.
    }
  }
}

// askKey asks for a key. Calls while it asks wait for the same answer.
let asking = null;
function askKey(problem) {
  asking ??= new Promise((done) => {
    const dialog = byId('key-dialog'),
      input = byId('key-input'),
      said = byId('key-error');
    said.hidden = !key.get();
    said.textContent = key.get() ? `The server refused this key: ${problem.message}` : '';
    key.forget();
    input.value = '';
    dialog.oncancel = (e) => e.preventDefault(); // there is nothing to see without a key
    dialog.showModal();
    byId('key-form').onsubmit = () => {
      key.set(input.value.trim());
      page.admin = null;
      input.value = '';
      asking = null;
      done();
    };
  });
  return asking;
}

// changeKey asks for another key until the server takes one, and shows what that key may see.
async function changeKey(problem) {
  for (let refused = problem; refused; ) {
    await askKey(refused);
    refused = null;
    try {
      await loadViews();
    } catch (error) {
      if (error instanceof Problem && error.needsKey) refused = error;
      // After any other failure, the next question of the view or of watch fails as well, and shows why.
    }
  }
}

async function start() {
  for (;;) {
    try {
      await loadViews();
      return;
    } catch (error) {
      if (error instanceof Problem && error.needsKey) {
        await askKey(error);
        continue;
      }
      replace(byId('content'), h('div', { class: 'empty' }, h('h1', {}, 'No answer'), h('p', {}, error.message)));
      await new Promise((done) => {
        setTimeout(done, 2000);
      });
    }
  }
}

byId('key-button').addEventListener('click', () => {
  key.forget();
  location.reload();
});
byId('skip').addEventListener('click', (e) => {
  // its # is no state
  e.preventDefault();
  byId('content').focus();
});
window.addEventListener('popstate', () => {
  page.state = read();
  show();
});
setInterval(() => {
  if (!document.hidden) showViews();
}, 1000); // "4 s ago" grows
await start();
watch();
