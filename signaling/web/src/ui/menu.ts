/** A small menu of radio items above its button: arrow keys move, Enter chooses, Escape closes. */
import { h } from './dom.ts';
import { icon } from './icon.ts';

export interface MenuItem {
  label: string;
  checked: boolean;
  choose(): void;
}

export interface MenuSection {
  title: string;
  items: MenuItem[];
}

export class Menu {
  readonly element: HTMLElement;
  readonly #button: HTMLButtonElement;
  readonly #sections: () => MenuSection[];
  #panel: HTMLElement | undefined;

  constructor(label: string, testid: string, sections: () => MenuSection[]) {
    this.#sections = sections;
    this.#button = h('button', {
      class: 'control__more', type: 'button', 'aria-label': label, title: label, 'aria-haspopup': 'menu', 'aria-expanded': 'false', testid,
      onclick: () => (this.#panel === undefined ? this.#open() : this.#close(true)),
    }, icon('chevron'));
    this.element = h('div', { class: 'menu' }, this.#button);
    this.element.addEventListener('keydown', (event) => this.#key(event));
    this.element.addEventListener('focusout', (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.#close(false);
    });
  }

  #open(): void {
    this.#panel = h('div', { class: 'menu__panel', role: 'menu' }, ...this.#sections().flatMap((section) => this.#section(section)));
    this.element.append(this.#panel);
    this.#button.setAttribute('aria-expanded', 'true');
    (this.#panel.querySelector<HTMLElement>('[aria-checked="true"]') ?? this.#items()[0])?.focus();
  }

  #section({ title, items }: MenuSection): HTMLElement[] {
    const buttons = items.map((item) =>
      h('button', {
        class: 'menu__item', type: 'button', role: 'menuitemradio', tabindex: '-1', 'aria-checked': String(item.checked),
        onclick: () => {
          this.#close(true);
          item.choose();
        },
      }, icon('check'), h('span', {}, item.label)),
    );
    const none = items.length === 0 ? [h('p', { class: 'menu__none' }, 'None found')] : [];
    return [h('p', { class: 'menu__title', role: 'presentation' }, title), ...none, ...buttons];
  }

  #close(focusButton: boolean): void {
    const panel = this.#panel;
    if (panel === undefined) return;
    // Forgotten before it goes: the focus that moves away from it calls this again.
    this.#panel = undefined;
    this.#button.setAttribute('aria-expanded', 'false');
    if (focusButton) this.#button.focus();
    panel.remove();
  }

  #items(): HTMLElement[] {
    return [...(this.#panel?.querySelectorAll<HTMLElement>('[role="menuitemradio"]') ?? [])];
  }

  #key(event: KeyboardEvent): void {
    if (this.#panel === undefined) return;
    const items = this.#items();
    const at = items.indexOf(document.activeElement as HTMLElement);
    const targets: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    const target = targets[event.key];
    if (event.key === 'Escape') this.#close(true);
    else if (target !== undefined) items[(target + items.length) % items.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
