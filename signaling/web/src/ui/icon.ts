/** The icons, drawn on a grid of 24 with one stroke. */

const STROKES = {
  'microphone': 'M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5v3',
  'microphone-off': 'M15 9V6.5a3 3 0 0 0-5.7-1.3M9 9v2.5a3 3 0 0 0 4.6 2.5M5.5 11a6.5 6.5 0 0 0 10.5 5.1M18.5 11a6.5 6.5 0 0 1-.6 2.7M12 17.5v3M4 4l16 16',
  'camera': 'M5.5 6.5h7.5a2.5 2.5 0 0 1 2.5 2.5v6a2.5 2.5 0 0 1-2.5 2.5H5.5A2.5 2.5 0 0 1 3 15V9a2.5 2.5 0 0 1 2.5-2.5zM15.5 11l5.5-3v8l-5.5-3',
  'camera-off': 'M10.5 6.5H13a2.5 2.5 0 0 1 2.5 2.5v2.2L21 8v8M15.4 15.5a2.5 2.5 0 0 1-2.4 2H5.5A2.5 2.5 0 0 1 3 15V9a2.5 2.5 0 0 1 2.5-2.5M4 4l16 16',
  'screen': 'M5.5 4.5h13A2.5 2.5 0 0 1 21 7v7a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 14V7a2.5 2.5 0 0 1 2.5-2.5zM8.5 20h7M12 13.5v-6M9.5 9.8L12 7.3l2.5 2.5',
  'screen-stop': 'M5.5 4.5h13A2.5 2.5 0 0 1 21 7v7a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 14V7a2.5 2.5 0 0 1 2.5-2.5zM8.5 20h7M9.8 8.3l4.4 4.4M14.2 8.3l-4.4 4.4',
  'stats': 'M5 19.5v-6M12 19.5v-15M19 19.5v-9.5',
  'chevron': 'M7 14.5l5-5 5 5',
  'link': 'M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7l-1.1 1.1M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.1-1.1',
  'check': 'M5.5 12.5l4.3 4.3 8.7-9.3',
  'close': 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  'people': 'M9 11.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM3 19a6 6 0 0 1 12 0M15.5 5.3a3.2 3.2 0 0 1 0 6M17.5 13.7A6 6 0 0 1 21 19',
  'speaker': 'M4 9.5v5h3.5l4.5 4v-13l-4.5 4zM15.5 9a4 4 0 0 1 0 6M18 6.5a7.5 7.5 0 0 1 0 11',
  'pin': 'M12 20.5v-6M8.5 4h7l-.8 5.5 3.3 5H6l3.3-5z',
  'leave': 'M4 14.3c-.7-.6-.9-1.6-.4-2.4C5.2 9.3 8.4 7.8 12 7.8s6.8 1.5 8.4 4.1c.5.8.3 1.8-.4 2.4l-1.4 1.2a1.6 1.6 0 0 1-2.1 0l-1.4-1.2a1.6 1.6 0 0 1-.5-1.5l.2-1a9.5 9.5 0 0 0-5.6 0l.2 1c.1.6-.1 1.1-.5 1.5l-1.4 1.2a1.6 1.6 0 0 1-2.1 0z',
  'alert': 'M12 8.5v4.5M12 16.3v.1M10.3 4.8L3.2 17a2 2 0 0 0 1.7 3h14.2a2 2 0 0 0 1.7-3L13.7 4.8a2 2 0 0 0-3.4 0z',
} as const;

export type IconName = keyof typeof STROKES;

const SVG = 'http://www.w3.org/2000/svg';

/** Decoration only: the element around it carries the words. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', STROKES[name]);
  svg.append(path);
  return svg;
}

/** Puts another icon into an element whose only icon it is. */
export function swapIcon(element: Element, name: IconName): void {
  if (element.getAttribute('data-icon') === name) return;
  element.setAttribute('data-icon', name);
  const old = element.querySelector(':scope > .icon');
  if (old === null) element.prepend(icon(name));
  else old.replaceWith(icon(name));
}
