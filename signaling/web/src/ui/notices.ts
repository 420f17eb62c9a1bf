/** Short messages that come and go by themselves, also read aloud by screen readers. */
import { h } from './dom.ts';
import { icon } from './icon.ts';

export type Tone = 'info' | 'trouble';

/** A trouble has to be read and understood; that someone joined only has to be seen. */
const SHOWN_MS: Readonly<Record<Tone, number>> = { info: 3_500, trouble: 9_000 };
const SHOWN_MAX = 4;

export class Notices {
  readonly element = h('div', { class: 'notices', role: 'status', 'aria-live': 'polite' });

  show(sentence: string, tone: Tone): void {
    const same = [...this.element.children].find((notice) => notice.textContent === sentence);
    same?.remove();
    const notice = h('div', { class: `notice notice--${tone}`, testid: 'notice' }, tone === 'trouble' ? icon('alert') : undefined, h('span', {}, sentence));
    if (tone === 'trouble') notice.append(h('button', { class: 'notice__close', type: 'button', 'aria-label': 'Dismiss', onclick: () => notice.remove() }, icon('close')));
    this.element.append(notice);
    while (this.element.children.length > SHOWN_MAX) this.element.firstElementChild?.remove();
    setTimeout(() => notice.remove(), SHOWN_MS[tone]);
  }
}
