// Elements. Whatever an event brought becomes a text node, so no key and no value is ever read as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

// h makes an element of HTML: h('p', {class: 'note', onclick: f}, 'text', child).
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

// s makes an element of SVG.
export function s(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

// replace sets the children of an element.
export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

// Characters that a browser would obey instead of show: controls, marks of direction, spaces without width.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu;
const JOINER = '\u200d'; // joins the parts of an emoji; alone it changes nothing

// visible shows a text that anybody may have chosen: hidden characters by their number, an empty text by a word.
export function visible(text) {
  if (text === '') return '(empty)';
  return text.replace(HIDDEN, (c) =>
    c === JOINER ? c : `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
  );
}

// foreign is an element with such a text. It keeps the text's direction apart from what stands around it.
export function foreign(text, properties) {
  return h('bdi', { title: text.length > 40 ? visible(text) : null, ...properties }, visible(text));
}

// copyButton copies a text, and says so.
export function copyButton(text, what) {
  const button = h('button', { type: 'button', class: 'quiet', 'aria-label': `Copy ${what}` }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select and copy it by hand'; // the browser grants no clipboard to this page
    }
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 2000);
  });
  return button;
}
