// Picks values of one key field, from the directory of keys, with search. Several values mean: any of them.
import { get } from './api.js';
import { pathOf } from './ask.js';
import { foreign, h, replace, visible } from './dom.js';

const SHOWN = 100; // values in the list at once; a person types to see others
const READ = 1000; // keys that are read where the directory cannot search by itself

export class Picker {
  // change is called with the chosen values after each change. state and view are asked for when the list opens.
  constructor(field, index, change, context) {
    Object.assign(this, { field, index, change, context, chosen: [], options: [], active: -1 });
    const id = `pick-${field}`;
    this.chips = h('span', { class: 'chips' });
    this.input = h('input', {
      id,
      type: 'text',
      role: 'combobox',
      autocomplete: 'off',
      spellcheck: 'false',
      autocapitalize: 'none',
      'aria-expanded': 'false',
      'aria-controls': `${id}-list`,
      'aria-autocomplete': 'list',
      placeholder: 'any',
      oninput: () => this.ask(150),
      onfocus: () => this.ask(0),
      onclick: () => this.ask(0),
      onblur: () => this.close(),
      onkeydown: (e) => this.press(e),
    });
    this.list = h('ul', { id: `${id}-list`, role: 'listbox', 'aria-label': `Values of ${field}` });
    this.note = h('p', { class: 'quiet', role: 'status' });
    // pointerdown would take the focus from the input, and so close the list before the click
    this.popup = h(
      'div',
      { class: 'popup', hidden: true, onpointerdown: (e) => e.preventDefault() },
      this.list,
      this.note,
    );
    this.element = h(
      'div',
      { class: 'field picker' },
      h('label', { for: id }, field),
      h('div', { class: 'box', onclick: () => this.input.focus() }, this.chips, this.input),
      this.popup,
    );
  }

  show(values) {
    this.chosen = values;
    this.input.placeholder = values.length ? '' : 'any';
    replace(
      this.chips,
      values.map((value) =>
        h(
          'span',
          { class: 'chip' },
          foreign(value),
          h(
            'button',
            {
              type: 'button',
              'aria-label': `Remove ${visible(value)}`,
              onclick: () => {
                this.set(this.chosen.filter((v) => v !== value));
                this.input.focus();
              },
            },
            '×',
          ),
        ),
      ),
    );
  }

  set(values) {
    this.show(values);
    this.change(values);
  }

  take(value) {
    this.input.value = '';
    this.close();
    if (!this.chosen.includes(value)) this.set([...this.chosen, value]);
  }

  close() {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.popup.hidden = true;
    this.active = -1;
    this.input.setAttribute('aria-expanded', 'false');
    this.input.removeAttribute('aria-activedescendant');
  }

  ask(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), delay);
  }

  // load fills the list. The directory finds by prefix in the first field without a value; in other fields, the page
  // looks through the first keys by itself, and says so.
  async load() {
    this.abort?.abort();
    this.abort = new AbortController();
    const { state, view } = this.context();
    const typed = this.input.value,
      p = new URLSearchParams();
    for (const { field } of view.key) {
      for (const value of field === this.field ? [] : (state.keys[field] ?? [])) p.append(`key.${field}`, value);
    }
    const first = view.key.find(({ field }) => field === this.field || !state.keys[field]?.length)?.field;
    const searches = first === this.field;
    if (searches && typed) p.set('prefix', typed);
    // keys of one value are many where further fields follow, so more of them are read
    p.set('limit', String(searches && view.key.length === 1 ? SHOWN : READ));
    try {
      const { body } = await get(pathOf(view, '/keys'), p, this.abort.signal);
      const values = [...new Set(body.keys.map((key) => key[this.field]))];
      this.offer(
        values.filter((v) => searches || v.includes(typed)),
        typed,
        body.next !== null,
        searches,
      );
    } catch (error) {
      if (error.name !== 'AbortError') this.offer([], typed, false, searches, error.message);
    }
  }

  offer(values, typed, more, searches, failure) {
    if (document.activeElement !== this.input) return;
    this.options = values.slice(0, SHOWN);
    this.active = -1;
    replace(
      this.list,
      this.options.map((value, i) =>
        h(
          'li',
          {
            role: 'option',
            id: `pick-${this.field}-${i}`,
            'aria-selected': String(this.chosen.includes(value)),
            onclick: () => this.take(value),
          },
          foreign(value),
        ),
      ),
    );
    this.list.hidden = this.options.length === 0;
    const searched = searches ? 'type to narrow the list' : 'only the first 1,000 keys were searched';
    this.note.textContent =
      failure ??
      (values.length === 0
        ? typed
          ? `No listed key has this. Enter takes it all the same.`
          : 'No key is listed yet.'
        : more || values.length > SHOWN
          ? `There are more: ${searched}.`
          : '');
    this.popup.hidden = false;
    this.input.setAttribute('aria-expanded', 'true');
    this.input.removeAttribute('aria-activedescendant');
  }

  press(event) {
    const open = !this.popup.hidden;
    if (event.key === 'Backspace' && this.input.value === '' && this.chosen.length) {
      this.set(this.chosen.slice(0, -1));
    } else if (event.key === 'Escape' && open) {
      this.close();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (open && this.active >= 0) this.take(this.options[this.active]);
      else if (this.input.value) this.take(this.input.value);
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!open) this.ask(0);
      else this.move(event.key === 'ArrowDown' ? 1 : -1);
    }
  }

  move(by) {
    const n = this.options.length;
    if (n === 0) return;
    const items = this.list.children;
    items[this.active]?.classList.remove('active');
    this.active = (this.active + by + n + (this.active < 0 && by < 0 ? 1 : 0)) % n;
    items[this.active].classList.add('active');
    items[this.active].scrollIntoView({ block: 'nearest' });
    this.input.setAttribute('aria-activedescendant', items[this.active].id);
  }
}
