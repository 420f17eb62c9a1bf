/**
 * Says when to ask the server for a sign of life: a browser shows neither pings nor a connection that died without a word, and a page
 * that only watches an empty room asks for nothing else.
 *
 * BEAT_MS: lower finds a dead connection sooner; higher asks less of the server. Only while somebody looks at the page; at once when
 * somebody looks again, and when the network is back.
 */
export const BEAT_MS = 20_000;

export class Heartbeat {
  readonly #beat: () => void;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(beat: () => void) {
    this.#beat = beat;
    this.#timer = setInterval(this.#beatIfSeen, BEAT_MS);
    document.addEventListener('visibilitychange', this.#beatIfSeen);
    addEventListener('online', beat);
  }

  stop(): void {
    clearInterval(this.#timer);
    document.removeEventListener('visibilitychange', this.#beatIfSeen);
    removeEventListener('online', this.#beat);
  }

  readonly #beatIfSeen = (): void => {
    if (document.visibilityState === 'visible') this.#beat();
  };
}
