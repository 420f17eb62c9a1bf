// Waiting with a limit.

const POLL_MS = 50;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `condition` gives something truthy, and gives that. `what` may be a function that says more at the end. */
export async function until(what, condition, limitMs = 15_000) {
  const deadline = performance.now() + limitMs;
  let lastError;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadline) {
      const name = typeof what === 'function' ? what() : what;
      throw new Error(`not within ${limitMs} ms: ${name}${lastError ? ` (${lastError.message})` : ''}`);
    }
    await sleep(POLL_MS);
  }
}
