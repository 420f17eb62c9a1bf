/**
 * How long to wait before the next attempt to connect.
 *
 * FIRST_MS: lower finds a server that restarts quickly sooner; higher spares one that is overloaded.
 * LAST_MS: lower means a shorter wait after a long outage; higher means less load from pages that were left open.
 */
const FIRST_MS = 400;
const LAST_MS = 10_000;

/**
 * Doubles from FIRST_MS to LAST_MS, then takes a random point of the upper half: without the randomness all participants of a
 * restarted server would come back in the same instant, again and again.
 */
export function backoffMs(attempt: number, random: number = Math.random()): number {
  const ceiling = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}
