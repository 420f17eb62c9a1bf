/**
 * Decides when the broken path of a transport is restarted (ICE restart, RFC 8445 section 9), and when that is given up. At most one
 * restart is under way and at most one is due.
 *
 *     connected --disconnected--> wait GRACE_MS --\
 *         \-----------failed----------------------+--> restart --> wait RETRY_MS --> restart ... lost
 *
 * `connected` ends all of it. `connecting` ends nothing: it is the browser's word for the restart that was asked for.
 */
import type { types } from 'mediasoup-client';

/**
 * `disconnected` often heals by itself. Lower restarts for every short gap of a wireless network; higher lets a real change of
 * network freeze the picture for longer.
 */
const GRACE_MS = 2_000;
/**
 * A restart that did not help is tried again after this. Lower interrupts a restart that is about to succeed on a slow network; higher
 * gets fewer attempts in before the server gives the transport up after 30 s (RFC 7675, section 5.1).
 */
const RETRY_MS = 5_000;
const RESTARTS_MAX = 5;

export interface Path {
  isConnected(): boolean;
  /** Rejects when the server does not take part. */
  restart(): Promise<void>;
  /** Restarts did not help. */
  lost(): void;
}

export class Healer {
  readonly #path: Path;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restarts = 0;
  #isRestarting = false;
  #closed = false;

  constructor(path: Path) {
    this.#path = path;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  stateChanged(state: types.ConnectionState): void {
    if (state === 'connected') {
      clearTimeout(this.#timer);
      this.#restarts = 0;
    } else if (state === 'disconnected') {
      this.#restartAfter(GRACE_MS);
    } else if (state === 'failed') {
      this.#restartAfter(0);
    }
  }

  #restartAfter(delayMs: number): void {
    // The one that is under way sets the next timer itself.
    if (this.#closed || this.#isRestarting) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#restart(), delayMs);
  }

  async #restart(): Promise<void> {
    if (this.#path.isConnected()) return;
    if (this.#restarts++ >= RESTARTS_MAX) return this.#path.lost();
    this.#isRestarting = true;
    try {
      await this.#path.restart();
    } catch {
      // The server does not know the transport any more, or the connection to it is gone: a new session cures both.
      if (!this.#closed) this.#path.lost();
      return;
    } finally {
      this.#isRestarting = false;
    }
    if (!this.#path.isConnected()) this.#restartAfter(RETRY_MS);
  }
}
