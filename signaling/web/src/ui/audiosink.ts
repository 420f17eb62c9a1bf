/** Plays the voices of others, one element each, and notices when the browser wants a click before it lets a page be heard. */
import type { Voice } from '../tile.ts';
import { h } from './dom.ts';

type SinkElement = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

export class AudioSink {
  readonly element = h('div', { class: 'sink', hidden: true });
  readonly #players = new Map<string, SinkElement>();
  readonly #onBlocked: (blocked: boolean) => void;
  #speakerId: string;

  constructor(speakerId: string, onBlocked: (blocked: boolean) => void) {
    this.#speakerId = speakerId;
    this.#onBlocked = onBlocked;
  }

  static get canChooseSpeaker(): boolean {
    return 'setSinkId' in HTMLMediaElement.prototype;
  }

  update(voices: readonly Voice[]): void {
    const alive = new Set(voices.map(({ track }) => track.id));
    for (const [id, player] of this.#players) if (!alive.has(id)) this.#remove(id, player);
    for (const voice of voices) if (!this.#players.has(voice.track.id)) this.#add(voice);
  }

  /** Call it from a click: that is what the browser waits for. */
  unblock(): void {
    this.#onBlocked(false);
    for (const player of this.#players.values()) this.#play(player);
  }

  setSpeaker(speakerId: string): void {
    this.#speakerId = speakerId;
    for (const player of this.#players.values()) this.#route(player);
  }

  close(): void {
    for (const [id, player] of this.#players) this.#remove(id, player);
  }

  #add(voice: Voice): void {
    const player: SinkElement = h('audio', {
      autoplay: true, testid: 'audio', 'data-participant': voice.participantId, 'data-source': voice.source, 'data-producer': voice.producerId,
    });
    player.srcObject = new MediaStream([voice.track]);
    this.#players.set(voice.track.id, player);
    this.element.append(player);
    this.#route(player);
    this.#play(player);
  }

  #play(player: SinkElement): void {
    player.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.#onBlocked(true);
    });
  }

  /** A speaker that was unplugged leaves the default one. */
  #route(player: SinkElement): void {
    if (this.#speakerId !== '') player.setSinkId?.(this.#speakerId).catch(() => undefined);
  }

  #remove(id: string, player: SinkElement): void {
    this.#players.delete(id);
    player.srcObject = null;
    player.remove();
  }
}
