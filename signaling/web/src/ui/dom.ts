/** Builds elements. No innerHTML anywhere, so that names of people can hold anything; no inline styles, so that a strict policy holds. */

type Child = Node | string | undefined;

export interface Attributes {
  class?: string;
  testid?: string;
  onclick?: (event: MouseEvent) => void;
  [attribute: string]: string | boolean | undefined | ((event: MouseEvent) => void);
}

export function h<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener('click', value as (event: Event) => void);
    else element.setAttribute(name === 'testid' ? 'data-testid' : name, value === true ? '' : value);
  }
  for (const child of children) if (child !== undefined) element.append(child);
  return element;
}

/** Writes only what differs: a rewritten attribute or text would be announced again by screen readers. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
