/**
 * One WebRTC transport: created on the server, built by mediasoup-client, connected on first use, and healed by an ICE restart when
 * its path breaks while the signaling connection lives.
 */
import type { Device, types } from 'mediasoup-client';
import type { Signaling } from './signaling.ts';
import type { Source } from './protocol.ts';

/**
 * `disconnected` often heals by itself. Lower restarts for every short gap of a wireless network; higher lets a real change of
 * network freeze the picture for longer.
 */
const GRACE_MS = 2_000;
/** A restart that did not help is tried again after this; the server gives a transport up after 30 s (RFC 7675, section 5.1). */
const RETRY_MS = 5_000;
const RESTARTS_MAX = 5;

export type Direction = 'send' | 'recv';

export interface LinkListener {
  /** The path is broken (`true`) or back (`false`). */
  onImpaired(impaired: boolean): void;
  /** Restarts did not help: only a new session does. */
  onLost(): void;
}

export class Link {
  readonly #signaling: Signaling;
  readonly #listener: LinkListener;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restarts = 0;

  private constructor(readonly transport: types.Transport, signaling: Signaling, listener: LinkListener) {
    this.#signaling = signaling;
    this.#listener = listener;
    transport.on('connectionstatechange', (state) => this.#stateChanged(state));
  }

  static async create(direction: Direction, device: Device, signaling: Signaling, listener: LinkListener): Promise<Link> {
    const info = await signaling.request('createWebRtcTransport', { direction });
    const options = { id: info.id, iceParameters: info.iceParameters, iceCandidates: info.iceCandidates, dtlsParameters: info.dtlsParameters };
    const transport = direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
    transport.on('connect', ({ dtlsParameters }, done, failed) => {
      signaling.request('connectWebRtcTransport', { transportId: transport.id, dtlsParameters }).then(done, failed);
    });
    if (direction === 'send') answerProduce(transport, signaling);
    return new Link(transport, signaling, listener);
  }

  /** What the server sees of the transport, which may be earlier or later than what the browser sees. */
  serverState(state: string): void {
    if (state === 'failed' || state === 'closed') this.#listener.onLost();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.transport.close();
  }

  #stateChanged(state: types.ConnectionState): void {
    clearTimeout(this.#timer);
    if (state === 'connected') {
      this.#restarts = 0;
      this.#listener.onImpaired(false);
    } else if (state === 'disconnected' || state === 'failed') {
      this.#listener.onImpaired(true);
      this.#restartAfter(state === 'failed' ? 0 : GRACE_MS);
    }
  }

  #restartAfter(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#restart(), delayMs);
  }

  async #restart(): Promise<void> {
    if (this.transport.closed) return;
    if (this.#restarts++ >= RESTARTS_MAX) return this.#listener.onLost();
    try {
      const { iceParameters } = await this.#signaling.request('restartIce', { transportId: this.transport.id });
      await this.transport.restartIce({ iceParameters });
    } catch {
      // The server does not know the transport any more, or the connection to it is gone: a new session cures both.
      return this.#listener.onLost();
    }
    if (!this.transport.closed && this.transport.connectionState !== 'connected') this.#restartAfter(RETRY_MS);
  }
}

/** mediasoup-client asks by event for the id of each new producer; `Publisher` has put the source into `appData`. */
function answerProduce(transport: types.Transport, signaling: Signaling): void {
  transport.on('produce', ({ kind, rtpParameters, appData }, done, failed) => {
    const source = appData['source'] as Source;
    signaling.request('produce', { transportId: transport.id, kind, rtpParameters, source }).then(done, failed);
  });
}
