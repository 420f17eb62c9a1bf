/**
 * The call as the person sees it: it begins once and ends once, and in between it survives lost connections and restarts of the
 * server by making a new `Session` each time.
 *
 *     connecting -> connected <-> reconnecting
 *          \            \             /
 *           `----------> ended <-----'
 */
import { Emitter } from './emitter.ts';
import { Backoff } from './backoff.ts';
import { endingWith, type Ending } from './ending.ts';
import { Ended, Refused } from './signaling.ts';
import { Session } from './session.ts';
import { DemoTokens, NoDemoTokens, type TokenSource } from './token.ts';
import type { Devices } from './devices.ts';
import type { Layering, VideoCodec } from './settings.ts';

export type CallState = 'connecting' | 'connected' | 'reconnecting' | 'ended';

export interface CallOptions {
  tokens: TokenSource;
  displayName: string;
  devices: Devices;
  codec: VideoCodec | '';
  layering: Layering;
}

interface CallEvents {
  changed: void;
  /** A sentence for the person. */
  notice: { sentence: string; tone: 'info' | 'trouble' };
  ended: Ending;
}

export class Call extends Emitter<CallEvents> {
  state: CallState = 'connecting';
  /** The latest session. While reconnecting it is the lost one: its picture may still run, because media outlives signaling. */
  session: Session | undefined;
  /** Why the page is reconnecting. */
  trouble: Ending | undefined;
  /** When the server shuts down, if it has said so. */
  drainsAtMs: number | undefined;
  /** How often a room was joined: 1 at first, one more for each reconnect. */
  joins = 0;
  readonly #options: CallOptions;
  readonly #backoff = new Backoff();
  #wake: (() => void) | undefined;

  constructor(options: CallOptions) {
    super();
    this.#options = options;
  }

  get devices(): Devices {
    return this.#options.devices;
  }

  /** Joins. Rejects when the first attempt shows that there is no way in; gives up only then, not later. */
  async start(): Promise<void> {
    addEventListener('online', this.#retryNow);
    try {
      await this.#connect();
    } catch (error) {
      this.#failed(error);
      if (error instanceof NoDemoTokens) throw error;
    }
  }

  async leave(): Promise<void> {
    // First the session: what `ended` sets off, such as the end of the local tracks, must not be published any more.
    const left = this.session?.leave();
    this.#finish(endingWith('left', 'stop'));
    await left;
  }

  readonly #retryNow = (): void => this.#wake?.();

  async #connect(): Promise<void> {
    const { tokens, displayName, devices, codec, layering } = this.#options;
    const session = await Session.join({ token: await tokens.token(), displayName, devices, codec, layering });
    if (this.state === 'ended') return void session.leave();
    if (tokens instanceof DemoTokens) tokens.accepted();
    this.#backoff.connected(Date.now());
    this.joins++;
    this.trouble = undefined;
    this.drainsAtMs = undefined;
    // The old picture stays until the new session is there.
    this.session?.close();
    this.session = session;
    this.#listen(session);
    this.#setState('connected');
  }

  #listen(session: Session): void {
    session.on('changed', () => this.emit('changed', undefined));
    session.on('trouble', (sentence) => this.emit('notice', { sentence, tone: 'trouble' }));
    session.on('joined', ({ name }) => this.emit('notice', { sentence: `${name} joined`, tone: 'info' }));
    session.on('left', ({ participant, reason }) => {
      if (reason !== 'replaced') this.emit('notice', { sentence: leaveSentence(participant.name, reason), tone: 'info' });
    });
    session.on('draining', (seconds) => {
      this.drainsAtMs = Date.now() + seconds * 1000;
      this.emit('changed', undefined);
    });
    session.on('ended', (ending) => this.#failed(new Ended(ending)));
  }

  /** The driver of the reconnect: decides whether there is a next attempt, and when. */
  #failed(error: unknown): void {
    if (this.state === 'ended') return;
    const ending = endingFor(error);
    if (ending.remedy === 'stop' || (ending.remedy === 'fresh-token' && !this.#options.tokens.refused())) return this.#finish(ending);
    // "The server is restarting" says more than that the attempts meanwhile fail.
    if (this.trouble === undefined || ending.reason !== 'lost') this.trouble = ending;
    this.#setState(this.state === 'connecting' ? 'connecting' : 'reconnecting');
    // A refused token has cost no time; its successor may be tried at once.
    const delayMs = ending.remedy === 'fresh-token' ? 0 : this.#backoff.nextMs(Date.now());
    const timer = setTimeout(() => this.#wake?.(), delayMs);
    this.#wake = () => {
      clearTimeout(timer);
      this.#wake = undefined;
      if (this.state !== 'ended') this.#connect().catch((next: unknown) => this.#failed(next));
    };
  }

  #finish(ending: Ending): void {
    if (this.state === 'ended') return;
    removeEventListener('online', this.#retryNow);
    this.#wake = undefined;
    this.#setState('ended');
    if (ending.reason !== 'left') this.session?.close();
    this.emit('ended', ending);
  }

  #setState(state: CallState): void {
    this.state = state;
    this.emit('changed', undefined);
  }
}

function endingFor(error: unknown): Ending {
  if (error instanceof Ended) return error.ending;
  if (error instanceof NoDemoTokens) return endingWith('token-missing', 'stop');
  if (error instanceof Refused) {
    const again = error.code === 429 || error.code === 503 || error.code >= 500;
    return endingWith(error.error, again ? 'retry' : 'stop', error.message);
  }
  if (error instanceof Error && error.name === 'UnsupportedError') {
    return { reason: 'unsupported-browser', title: 'This browser cannot join', sentence: 'It lacks a part of WebRTC. Use a current Chrome, Edge, Firefox or Safari.', remedy: 'stop' };
  }
  const message = error instanceof Error ? error.message : undefined;
  return { ...endingWith('lost', 'retry'), sentence: message ?? 'The server gave an answer that this page does not understand.' };
}

function leaveSentence(name: string, reason: string): string {
  if (reason === 'disconnected' || reason === 'failed') return `${name} lost the connection`;
  return reason === 'removed' ? `${name} was removed` : `${name} left`;
}
