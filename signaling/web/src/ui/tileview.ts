/** One tile on the page: picture or initials, name, muted sign, statistics. */
import type { Rect } from '../layout.ts';
import { CHOICES, type Choice } from '../quality.ts';
import type { Tile } from '../tile.ts';
import { h, setAttribute, setText } from './dom.ts';
import { icon } from './icon.ts';
import type { Row } from './statsrows.ts';

const HUES = 8;

/** What a person does with a tile. */
export interface TileListener {
  onPin(key: string): void;
  onChoice(key: string, choice: Choice): void;
}

export class TileView {
  readonly element: HTMLElement;
  readonly #video: HTMLVideoElement;
  readonly #initials = h('span', { class: 'avatar__initials', 'aria-hidden': 'true' });
  readonly #spinner = h('span', { class: 'avatar__spinner', 'aria-hidden': 'true' });
  readonly #name = h('span', { class: 'label__name' });
  readonly #muted = h('span', { class: 'label__muted', role: 'img', 'aria-label': 'microphone off', testid: 'muted' }, icon('microphone-off'));
  readonly #stats = h('dl', { class: 'stats', testid: 'stats' });
  readonly #pin: HTMLButtonElement;
  readonly #quality: HTMLSelectElement;

  constructor(key: string, { onPin, onChoice }: TileListener) {
    this.#video = h('video', { class: 'tile__video', playsinline: true, autoplay: true, testid: 'video' });
    // As a property: the attribute alone does not mute an element that is made by script, and sound has its own elements.
    this.#video.muted = true;
    this.#video.addEventListener('resize', () => this.#showPicture());
    this.#video.addEventListener('loadeddata', () => this.#showPicture());
    this.#pin = h('button', { class: 'tile__pin', type: 'button', testid: 'pin', onclick: () => onPin(key) }, icon('pin'));
    // A list of the system's: the tile cuts off what stands out of it.
    this.#quality = h('select', { class: 'tile__quality', testid: 'quality' }, ...CHOICES.map(([value, label]) => h('option', { value }, label)));
    this.#quality.addEventListener('change', () => onChoice(key, this.#quality.value as Choice));
    const avatar = h('div', { class: 'avatar' }, this.#spinner, this.#initials);
    const label = h('div', { class: 'label' }, this.#muted, this.#name);
    this.element = h('article', { class: 'tile', testid: 'tile' }, avatar, this.#video, this.#stats, label, this.#quality, this.#pin);
    this.element.addEventListener('dblclick', ({ target }) => target !== this.#quality && onPin(key));
  }

  update(tile: Tile, pinned: boolean): void {
    const { element } = this;
    const title = titleOf(tile);
    setText(this.#name, title);
    setText(this.#initials, tile.source === 'screen' ? '' : initialsOf(tile.name));
    setAttribute(element, 'aria-label', tile.microphoneOn || tile.source === 'screen' ? title : `${title}, microphone off`);
    setAttribute(element, 'data-hue', String(hueOf(tile.name)));
    setAttribute(element, 'data-participant', tile.participantId);
    setAttribute(element, 'data-source', tile.source);
    element.classList.toggle('tile--local', tile.local);
    element.classList.toggle('tile--screen', tile.source === 'screen');
    element.classList.toggle('tile--awaited', tile.awaited);
    element.classList.toggle('tile--pinned', pinned);
    this.#muted.hidden = tile.microphoneOn || tile.source === 'screen';
    setAttribute(this.#pin, 'aria-pressed', String(pinned));
    setAttribute(this.#pin, 'aria-label', pinned ? `Stop showing ${title} large` : `Show ${title} large`);
    this.#quality.hidden = tile.consumerId === undefined;
    setAttribute(this.#quality, 'aria-label', `Picture quality of ${title}`);
    this.#quality.value = tile.choice;
    this.#updateVideo(tile);
  }

  place(rect: Rect): void {
    const { style } = this.element;
    style.width = `${rect.width}px`;
    style.height = `${rect.height}px`;
    style.transform = `translate(${rect.left}px, ${rect.top}px)`;
    this.element.classList.toggle('tile--tiny', rect.width < 200 || rect.height < 110);
  }

  setSpeaking(speaking: boolean): void {
    this.element.classList.toggle('tile--speaking', speaking);
  }

  setStats(rows: readonly Row[]): void {
    this.#stats.replaceChildren(...rows.map(([label, value]) => h('div', { class: 'stats__row' }, h('dt', {}, label), h('dd', {}, value))));
  }

  close(): void {
    this.#video.srcObject = null;
    this.element.remove();
  }

  #updateVideo(tile: Tile): void {
    const video = this.#video;
    setAttribute(video, 'data-participant', tile.participantId);
    setAttribute(video, 'data-source', tile.source);
    setAttribute(video, 'data-producer', tile.producerId);
    setAttribute(video, 'data-local', String(tile.local));
    setAttribute(video, 'aria-label', titleOf(tile));
    const shown = video.srcObject instanceof MediaStream ? video.srcObject.getTracks()[0] : undefined;
    if (shown !== tile.track) {
      this.element.classList.remove('tile--live');
      video.srcObject = tile.track === undefined ? null : new MediaStream([tile.track]);
      // Muted video may always play; the promise rejects only when the next picture came first.
      if (tile.track !== undefined) void video.play().catch(() => undefined);
    }
  }

  /** The first frame is here: until then the initials stand, so that nobody looks at a black box. */
  #showPicture(): void {
    this.element.classList.toggle('tile--live', this.#video.srcObject !== null && this.#video.videoWidth > 0);
  }
}


function titleOf(tile: Tile): string {
  if (tile.source === 'screen') return tile.local ? 'Your screen' : `${tile.name}’s screen`;
  return tile.local ? `${tile.name} (you)` : tile.name;
}

export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => [...(word ?? '')][0] ?? '');
  return letters.join('').toUpperCase();
}

/** The same name has the same colour on every screen. */
export function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % HUES;
}
