/**
 * How long to wait before the next attempt to connect.
 *
 * FIRST_MS: lower finds a server that restarts quickly sooner; higher spares one that is overloaded.
 * LAST_MS: lower means a shorter wait after a long outage; higher means less load from pages that were left open.
 */
const FIRST_MS = 400;
const LAST_MS = 10_000;
/**
 * A connection that held for this long was a good one: the waits begin anew after it. Lower lets a page that the server throws out
 * right after each join come back at full speed; higher makes people wait longer after the second of two unrelated failures.
 */
const SETTLED_MS = 15_000;

/**
 * Doubles from FIRST_MS to LAST_MS, then takes a random point of the upper half: without the randomness all participants of a
 * restarted server would come back in the same instant, again and again.
 */
export function backoffMs(attempt: number, random: number = Math.random()): number {
  const ceiling = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}

/** The waits of one call. A connection alone does not make them short again, only one that holds. */
export class Backoff {
  #attempt = 0;
  #connectedAtMs: number | undefined;

  connected(nowMs: number): void {
    this.#connectedAtMs = nowMs;
  }

  /** The connection or the attempt failed: how long to wait. */
  nextMs(nowMs: number, random?: number): number {
    if (this.#connectedAtMs !== undefined && nowMs - this.#connectedAtMs >= SETTLED_MS) this.#attempt = 0;
    this.#connectedAtMs = undefined;
    return backoffMs(this.#attempt++, random);
  }
}
