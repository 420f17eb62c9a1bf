import { h } from './dom.ts';

/** The name as drawn, with the mark before it. */
export function wordmark(): HTMLElement {
  return h('div', { class: 'wordmark' }, h('img', { src: '/wordmark.svg', alt: 'Corelay', width: '126', height: '28' }));
}
