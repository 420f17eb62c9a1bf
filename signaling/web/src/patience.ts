/** Asks again when the server asks for patience: 429 (too fast) and 503 (busy). Every other answer is final. */
import { Refused } from './signaling.ts';

/** The waits between the attempts. Longer ones get through a longer jam; shorter ones tell sooner that it does not work. */
const WAITS_MS: readonly number[] = [300, 1_000, 3_000];

export async function patiently<Answer>(attempt: () => Promise<Answer>): Promise<Answer> {
  for (const waitMs of WAITS_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Refused) || (error.code !== 429 && error.code !== 503)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return attempt();
}
