/**
 * What is wished of each received video, and what the server says that it gives and why. Wishes are told when they change, and the
 * size of a tile only after it has come to rest: while a window is dragged it changes sixty times a second.
 */
import type { Size } from './layout.ts';
import type { Method, Notifications, Requests } from './protocol.ts';

/** The choice in the menu of a tile. */
export type Choice = 'auto' | 'high' | 'medium' | 'low';

export const CHOICES: readonly (readonly [Choice, string])[] = [['auto', 'Auto'], ['high', 'High'], ['medium', 'Medium'], ['low', 'Low']];

export interface Received extends Partial<Omit<Notifications['consumerLayersChanged'], 'consumerId'>> {
  score?: number;
  producerScore?: number;
}

/** Higher follows a new layout of the page later; lower tells the server of sizes that are gone again. */
const SETTLE_MS = 250;
/** A change of both sides by less than this share is not told: no layer is chosen otherwise for it. */
const CHANGE_MIN = 0.1;
const SPATIAL: Record<Choice, number | undefined> = { auto: undefined, high: undefined, medium: 1, low: 0 };
/** Whoever chooses "high" wants it in a small tile, too. */
const ANY_SIZE: Size = { width: 65_535, height: 65_535 };

interface Wish {
  choice: Choice;
  shown: Size | undefined;
  told: Size | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export interface QualityOptions {
  request<Name extends Method>(method: Name, data: Requests[Name]['data']): Promise<unknown>;
}

export class Quality {
  readonly #options: QualityOptions;
  readonly #wishes = new Map<string, Wish>();
  readonly #received = new Map<string, Received>();

  constructor(options: QualityOptions) {
    this.#options = options;
  }

  received(consumerId: string): Received | undefined {
    return this.#received.get(consumerId);
  }

  choice(consumerId: string): Choice {
    return this.#wishes.get(consumerId)?.choice ?? 'auto';
  }

  choose(consumerId: string, choice: Choice): void {
    const wish = this.#wish(consumerId);
    if (wish.choice === choice) return;
    wish.choice = choice;
    const spatialLayer = SPATIAL[choice];
    this.#ask('setConsumerPreferredLayers', { consumerId, ...(spatialLayer !== undefined && { spatialLayer }) });
    this.#tellSize(consumerId, wish);
  }

  /** A tile has this size, in device pixels. */
  show(consumerId: string, size: Size): void {
    const wish = this.#wish(consumerId);
    wish.shown = { width: Math.round(size.width), height: Math.round(size.height) };
    clearTimeout(wish.timer);
    wish.timer = isNear(wish.shown, wish.told) ? undefined : setTimeout(() => this.#tellSize(consumerId, wish), SETTLE_MS);
  }

  forget(consumerId: string): void {
    clearTimeout(this.#wishes.get(consumerId)?.timer);
    this.#wishes.delete(consumerId);
    this.#received.delete(consumerId);
  }

  close(): void {
    for (const consumerId of [...this.#wishes.keys()]) this.forget(consumerId);
  }

  layersChanged({ consumerId, layers, why, estimateBps }: Notifications['consumerLayersChanged']): void {
    const { score, producerScore } = this.#received.get(consumerId) ?? {};
    // Built anew: the estimate that belonged to another reason goes.
    this.#received.set(consumerId, { layers, why, ...(estimateBps !== undefined && { estimateBps }), ...(score !== undefined && { score }), ...(producerScore !== undefined && { producerScore }) });
  }

  scored({ consumerId, score, producerScore }: Notifications['consumerScore']): void {
    this.#received.set(consumerId, { ...this.#received.get(consumerId), score, producerScore });
  }

  #wish(consumerId: string): Wish {
    const wish = this.#wishes.get(consumerId) ?? { choice: 'auto', shown: undefined, told: undefined, timer: undefined };
    this.#wishes.set(consumerId, wish);
    return wish;
  }

  #tellSize(consumerId: string, wish: Wish): void {
    const size = wish.choice === 'high' ? ANY_SIZE : wish.shown;
    if (size === undefined || isNear(size, wish.told)) return;
    wish.told = size;
    this.#ask('setConsumerViewport', { consumerId, ...size });
  }

  /** A wish about what ended meanwhile is no trouble, and a lost connection is told by whoever reconnects. */
  #ask<Name extends Method>(method: Name, data: Requests[Name]['data']): void {
    this.#options.request(method, data).catch(() => undefined);
  }
}

function isNear(size: Size, told: Size | undefined): boolean {
  if (told === undefined) return false;
  const isClose = (a: number, b: number) => Math.abs(a - b) <= b * CHANGE_MIN;
  return isClose(size.width, told.width) && isClose(size.height, told.height);
}
