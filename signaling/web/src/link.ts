/**
 * One WebRTC transport: created on the server, built by mediasoup-client, connected on first use, and healed by an ICE restart when
 * its path breaks while the signaling connection lives.
 */
import type { Device, types } from 'mediasoup-client';
import { Healer } from './healer.ts';
import { patiently } from './patience.ts';
import type { Signaling } from './signaling.ts';
import type { Source } from './protocol.ts';

export type Direction = 'send' | 'recv';

export interface LinkListener {
  /** The path is broken (`true`) or back (`false`). */
  onImpaired(impaired: boolean): void;
  /** Restarts did not help: only a new session does. */
  onLost(): void;
}

export class Link {
  readonly #listener: LinkListener;
  readonly #healer: Healer;

  private constructor(readonly transport: types.Transport, signaling: Signaling, listener: LinkListener) {
    this.#listener = listener;
    this.#healer = new Healer({
      isConnected: () => transport.connectionState === 'connected',
      restart: async () => {
        const { iceParameters } = await signaling.request('restartIce', { transportId: transport.id });
        await transport.restartIce({ iceParameters });
      },
      lost: () => listener.onLost(),
    });
    transport.on('connectionstatechange', (state) => this.#stateChanged(state));
  }

  static async create(direction: Direction, device: Device, signaling: Signaling, listener: LinkListener): Promise<Link> {
    const info = await signaling.request('createWebRtcTransport', { direction });
    const options = { id: info.id, iceParameters: info.iceParameters, iceCandidates: info.iceCandidates, dtlsParameters: info.dtlsParameters };
    const transport = direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
    transport.on('connect', ({ dtlsParameters }, done, failed) => {
      patiently(() => signaling.request('connectWebRtcTransport', { transportId: transport.id, dtlsParameters })).then(done, failed);
    });
    if (direction === 'send') answerProduce(transport, signaling);
    return new Link(transport, signaling, listener);
  }

  /** What the server sees of the transport, which may be earlier or later than what the browser sees. */
  serverState(state: string): void {
    if (state === 'failed' || state === 'closed') this.#listener.onLost();
  }

  close(): void {
    this.#healer.close();
    this.transport.close();
  }

  #stateChanged(state: types.ConnectionState): void {
    if (state === 'connected') this.#listener.onImpaired(false);
    else if (state === 'disconnected' || state === 'failed') this.#listener.onImpaired(true);
    this.#healer.stateChanged(state);
  }
}

/** mediasoup-client asks by event for the id of each new producer; `Publisher` has put the source into `appData`. */
function answerProduce(transport: types.Transport, signaling: Signaling): void {
  transport.on('produce', ({ kind, rtpParameters, appData }, done, failed) => {
    const source = appData['source'] as Source;
    signaling.request('produce', { transportId: transport.id, kind, rtpParameters, source }).then(done, failed);
  });
}
