// One view: asks its questions again and again, and draws the answers.
import { get, key, now, Problem } from './api.js';
import * as ask from './ask.js';
import { Controls } from './controls.js';
import { h, replace } from './dom.js';
import { explain, freshness, legend, nothing, problem, warnings } from './notes.js';
import { Panels, showCards } from './panels.js';
import { Question } from './question.js';
import { write } from './state.js';
import { showRows } from './tables.js';
import { ago, spell, windowLength } from './time.js';
import { TopKeys } from './top.js';
import { asked } from './values.js';

const SOON = 1000,
  LATER = 5000; // milliseconds between two questions
const IDLE = 60; // after so many answers without a change the page asks less often

const NO_ROW = { values: Object.create(null), exact: false };

export class ViewPage {
  // hooks: go(changes of the state), ask(problem) for a key, reload() the list of views.
  constructor(element, hooks) {
    this.hooks = hooks;
    this.title = h('div', { class: 'title' });
    this.form = h('form', { class: 'controls', 'aria-label': 'Question', onsubmit: (e) => e.preventDefault() });
    this.notice = h('div', { class: 'notice' });
    this.cards = h('div', {
      class: 'cards',
      role: 'group',
      'aria-label': 'Values over the whole range; pressed ones have a chart',
    });
    this.legend = h('div', { class: 'legend' });
    this.charts = h('div', { class: 'panels' });
    this.empty = h('div', { class: 'empty', hidden: true });
    this.top = new TopKeys(hooks.go);
    this.warnings = h('div', { class: 'warnings' });
    this.rows = h('details', { class: 'block', hidden: true }, h('summary', {}, 'Rows'), h('div'));
    this.question = new Question();
    replace(
      element,
      this.title,
      this.form,
      this.notice,
      this.cards,
      this.legend,
      this.charts,
      this.empty,
      this.warnings,
      this.top.element,
      this.rows,
      this.question.element,
    );
    this.element = element;
    this.panels = new Panels(this.charts);
    this.controls = new Controls(this.form, hooks.go, () => ({ state: this.state, view: this.view }));
  }

  // show shows a view by the state. Another question is asked at once; the old answer stays until the new one is there.
  show(state, view) {
    this.state = state;
    if (!view) {
      this.stop();
      this.panels.clear();
      replace(this.title, h('h1', {}, state.view), h('p', {}, 'The server has no such view. Choose one of the list.'));
      return;
    }
    const another = this.view && this.view.name !== view.name;
    this.view = view;
    if (another) this.clear();
    this.showTitle();
    this.controls.show(state, view);
    this.wanted = write({ ...state, live: true });
    const question = `${view.definition} ${view.generation} ${this.wanted}`;
    if (question === this.asked && state.live === this.wasLive) return;
    [this.asked, this.wasLive, this.step] = [question, state.live, null];
    this.restart();
  }

  clear() {
    this.total = this.answer = null;
    this.panels.clear();
    for (const part of [this.cards, this.legend, this.notice, this.warnings]) part.replaceChildren();
    this.top.element.hidden = this.empty.hidden = this.rows.hidden = true;
  }

  showTitle() {
    const { view } = this,
      fresh = freshness(view, this.state.tz);
    replace(
      this.title,
      h('div', {}, h('h1', {}, view.name), view.description ? h('p', { class: 'about' }, view.description) : null),
      h(
        'p',
        { class: 'definition' },
        h('span', {}, 'window ', h('code', {}, spell(windowLength(view.window)))),
        view.where ? h('span', {}, 'where ', h('code', {}, view.where)) : null,
        h('span', { class: `fresh ${fresh.kind}` }, fresh.text),
      ),
    );
  }

  stop() {
    clearTimeout(this.timer);
    this.abort?.abort();
  }

  restart() {
    this.stop();
    this.unchanged = 0;
    this.abort = new AbortController();
    this.round(this.abort.signal, true);
  }

  // round asks once, draws, and comes again if the page is live. A hidden page asks nothing.
  async round(signal, first) {
    const began = performance.now();
    if (document.hidden && !first) {
      this.again(signal, SOON);
      return;
    }
    this.element.setAttribute('aria-busy', String(first));
    try {
      await this.load(signal, first);
      this.stale = null;
    } catch (error) {
      if (signal.aborted) return;
      if (!(await this.failed(error))) return;
    }
    if (signal.aborted) return;
    this.element.setAttribute('aria-busy', 'false');
    // A question that is expensive to answer is asked less often.
    const calm = this.stale || this.unchanged > IDLE;
    const pace = Math.max(calm ? LATER : SOON, 10 * (performance.now() - began));
    if (this.state.live) this.again(signal, Math.min(pace, 30000));
  }

  again(signal, after) {
    this.timer = setTimeout(() => {
      if (!signal.aborted) this.round(signal, false);
    }, after);
  }

  // chosen are the aggregates with a chart: those of the state that the view has, or else the first.
  chosen() {
    const all = this.view.aggregates.filter((a) => this.state.values.includes(a.name));
    return all.length ? all : this.view.aggregates.slice(0, 1);
  }

  async load(signal, first) {
    const { state, view } = this,
      at = now();
    const ofView = (parameters) => get(ask.pathOf(view), parameters, signal);
    if (this.state.step !== 'auto') this.step = this.state.step;
    if (!this.step) await this.chooseStep(ofView, at);
    const aggregates = this.chosen();
    const parameters = ask.rows(state, view, aggregates.flatMap(asked), this.step, at);
    this.question.show(view, parameters, this.step, key.get() !== '');
    const { body, changed } = await ofView(parameters);
    if (signal.aborted) return;
    this.unchanged = changed ? 0 : this.unchanged + 1;
    if (!changed && !first) {
      if (this.stale) replace(this.notice);
      return;
    }
    await this.draw(body, aggregates, at, ofView, signal);
    await this.top.show(this, this.total, ofView, at, signal);
    // Rows of any time may come where there was none, and more than a chart can show where there were few.
    if (this.stepIsGuess || body.data.length > 250) this.step = null;
    if (body.definition !== view.definition || body.generation !== view.generation) await this.hooks.reload();
  }

  // chooseStep finds how much time the rows cover, and takes the step that suits a chart.
  async chooseStep(ofView, at) {
    const length = ask.lengthOf(this.state.range);
    this.stepIsGuess = false;
    if (length) {
      this.step = ask.chooseStep(this.view, at - length, at);
      return;
    }
    const { body } = await ofView(ask.whole(this.state, this.view, 'window', at));
    const row = body.data[0];
    this.step = row ? ask.chooseStep(this.view, Date.parse(row.start), Date.parse(row.end)) : 'window';
    // Nothing is there yet. The next answer may have rows of any time, so the step is chosen anew.
    this.stepIsGuess = !row;
  }

  async draw(answer, aggregates, at, ofView, signal) {
    const { state, view } = this;
    const rows = answer.data.map((r) => ({ ...r, t0: Date.parse(r.start), t1: Date.parse(r.end) }));
    const { body: whole } = await ofView(ask.whole(state, view, this.step, at));
    this.total = whole.data[0] ?? null;
    [this.answer, this.from, this.to] = [answer, ...this.ends(rows, at)];
    replace(this.notice);
    showCards(
      this.cards,
      view.aggregates,
      this.total ?? NO_ROW,
      aggregates.map((a) => a.name),
      (name) => this.toggle(name),
    );
    await this.showNothing(rows, signal);
    this.cards.hidden = this.legend.hidden = this.charts.hidden = rows.length === 0;
    const horizon = answer.horizon ?? answer.complete;
    replace(this.legend, legend(rows, answer, this.to));
    if (rows.length) {
      this.panels.show({
        rows,
        aggregates,
        total: this.total,
        from: this.from,
        to: this.to,
        zone: state.tz,
        explain: (row) => explain(row, answer),
        horizon: horizon ? { at: Date.parse(horizon), label: answer.horizon ? 'horizon' : 'complete' } : null,
      });
    }
    this.answered = this.wanted;
    replace(this.warnings, warnings(answer));
    showRows(this.rows.lastElementChild, rows, aggregates);
    this.rows.hidden = rows.length === 0;
  }

  // ends are where the axis of time begins and ends: the range that was asked for, or the rows where it is open.
  ends(rows, at) {
    const length = ask.lengthOf(this.state.range);
    const last = rows.at(-1)?.t1 ?? at; // the last window may end after now
    if (length) return [Date.parse(ask.bounds(this.state, this.view, at, this.step).from), Math.max(at, last)];
    return rows.length ? [rows[0].t0, last] : [at, at + 1];
  }

  toggle(name) {
    const names = this.chosen().map((a) => a.name);
    const values = names.includes(name) ? names.filter((n) => n !== name) : [...names, name];
    this.hooks.go({ values });
  }

  // showNothing says why there are no rows.
  async showNothing(rows, signal) {
    this.empty.hidden = rows.length > 0;
    if (rows.length) return;
    const p = new URLSearchParams({ limit: '1' });
    for (const [field, values] of Object.entries(this.state.keys)) values.forEach((v) => p.append(`key.${field}`, v));
    const keys = this.view.key.length ? (await get(ask.pathOf(this.view, '/keys'), p, signal)).body : null;
    const [title, words, command] = nothing(this.state, this.view, keys);
    replace(this.empty, h('h2', {}, title), h('p', {}, words), command ? h('pre', {}, command) : null);
  }

  // failed shows what went wrong, and keeps the last answer. It returns whether to try again.
  async failed(error) {
    if (error instanceof Problem && error.needsKey) {
      await this.hooks.ask(error);
      this.restart();
      return false;
    }
    if (error.code === 'bad_parameter' && /values/.test(error.message)) this.hooks.reload().catch(() => {});
    if (this.answered !== this.wanted) this.clear(); // what is there answers another question
    this.stale ??= now();
    const old = this.answer
      ? h('p', { class: 'quiet' }, `Below is the last answer, ${ago(now() - this.stale)} old.`)
      : null;
    replace(this.notice, problem(error), old);
    if (!this.answer) this.panels.clear();
    return true;
  }
}
