/** The page after a call. */
import type { Ending } from '../ending.ts';
import { h } from './dom.ts';
import { wordmark } from './wordmark.ts';

export function endView(ending: Ending, onRejoin: () => void, onLobby: () => void): HTMLElement {
  const rejoin = h('button', { class: 'primary', type: 'button', testid: 'rejoin', onclick: onRejoin }, 'Join again');
  const lobby = h('button', { class: 'secondary', type: 'button', testid: 'to-lobby', onclick: onLobby }, 'Back to the start');
  const title = h('h1', { class: 'ended__title', tabindex: '-1', testid: 'ended-title' }, ending.title);
  const view = h('div', { class: 'ended', testid: 'ended', 'data-reason': ending.reason },
    wordmark(), h('main', { class: 'ended__card' }, title, h('p', { class: 'ended__text' }, ending.sentence), h('div', { class: 'ended__actions' }, rejoin, lobby)));
  // The words first, for those who hear the page; the button is one step away.
  queueMicrotask(() => title.focus());
  return view;
}
