// The same question for other tools: a file of CSV, a command of curl, a command of anabranch.
import { download, key, url } from './api.js';
import { command, curl, pathOf } from './ask.js';
import { copyButton, h, replace } from './dom.js';

export class Question {
  constructor() {
    this.curl = h('code');
    this.command = h('code');
    this.failure = h('p', { class: 'error', role: 'alert' });
    this.csv = h('a', { class: 'csv', download: true, onclick: (e) => this.take(e) }, 'Download CSV');
    const line = (name, code) =>
      h(
        'div',
        { class: 'command' },
        h('span', { class: 'label' }, name),
        h('pre', { tabindex: '0', role: 'region', 'aria-label': `${name} command` }, code),
        copyButton(() => code.textContent, `the ${name} command`),
      );
    this.element = h(
      'section',
      { class: 'block question', hidden: true, 'aria-label': 'The same question elsewhere' },
      h('div', { class: 'block-head' }, h('h2', {}, 'The same question'), this.csv),
      line('curl', this.curl),
      line('anabranch', this.command),
      this.failure,
    );
  }

  show(view, parameters, step, withKey) {
    const rows = new URLSearchParams(parameters);
    rows.delete('parts'); // CSV has no parts
    rows.set('format', 'csv');
    this.name = `${view.name}.csv`;
    this.csv.href = url(pathOf(view), rows).href;
    this.csv.download = this.name;
    replace(this.curl, curl(view, parameters, withKey));
    replace(this.command, command(view, parameters, step));
    this.element.hidden = false;
  }

  // take downloads with the key, which a link cannot send.
  async take(event) {
    if (!key.get()) return;
    event.preventDefault();
    this.failure.textContent = '';
    try {
      await download(this.csv.href, this.name);
    } catch (error) {
      this.failure.textContent = error.message;
    }
  }
}
