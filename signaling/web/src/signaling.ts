/** One WebSocket to the server: requests with their answers, notifications, and how it ended. It never reconnects: `Call` does. */
import { Emitter } from './emitter.ts';
import { endingOf, endingWith, type Ending } from './ending.ts';
import { decodeMessage, encodeRequest, SUBPROTOCOL, type Answer, type Goodbye, type Method, type Notification, type Requests } from './protocol.ts';

/**
 * A browser does not show pings, so a request without an answer is how a dead connection shows. Lower gives up on a slow network;
 * higher leaves the page waiting on a dead one.
 */
const ANSWER_TIMEOUT_MS = 10_000;
const OPEN_TIMEOUT_MS = 8_000;

/** The server refused a request; `name` is the stable error name of the protocol. */
export class Refused extends Error {
  constructor(readonly method: Method, readonly code: number, readonly error: string, reason: string) {
    super(reason);
    this.name = 'Refused';
  }
}

/** The connection ended before an answer came. */
export class Ended extends Error {
  constructor(readonly ending: Ending) {
    super(ending.sentence);
    this.name = 'Ended';
  }
}

interface Pending {
  method: Method;
  timer: ReturnType<typeof setTimeout>;
  resolve(data: unknown): void;
  reject(error: Error): void;
}

interface SignalingEvents {
  notification: Notification;
  ended: Ending;
}

export class Signaling extends Emitter<SignalingEvents> {
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #goodbye: Goodbye | undefined;
  #ended = false;

  private constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
    socket.addEventListener('message', (event) => this.#receive(event.data));
    socket.addEventListener('close', (event) => this.#end(endingOf(event.code, this.#goodbye)));
  }

  /** Connects. A refused token shows later, as the first request that fails: the server upgrades first and then says why. */
  static open(token: string): Promise<Signaling> {
    const url = new URL('/ws', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    // A pasted token may hold anything; the constructor throws at what cannot stand in a header.
    if (!/^[\w.-]+$/.test(token)) return Promise.reject(new Ended(endingWith('token-malformed', 'stop')));
    const socket = new WebSocket(url, [SUBPROTOCOL, `bearer.${token}`]);
    const signaling = new Signaling(socket);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => signaling.close(), OPEN_TIMEOUT_MS);
      socket.addEventListener('open', () => {
        clearTimeout(timer);
        resolve(signaling);
      });
      signaling.on('ended', (ending) => {
        clearTimeout(timer);
        reject(new Ended(ending));
      });
    });
  }

  request<Name extends Method>(method: Name, data: Requests[Name]['data']): Promise<Requests[Name]['answer']> {
    if (this.#ended) return Promise.reject(new Ended(endingOf(1006, this.#goodbye)));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(endingOf(1006, undefined)), ANSWER_TIMEOUT_MS);
      this.#pending.set(id, { method, timer, resolve: resolve as (data: unknown) => void, reject });
      this.#socket.send(encodeRequest(id, method, data));
    });
  }

  /** Ends the connection from this side; `ended` follows at once, not when the other side has agreed. */
  close(): void {
    this.#end(endingOf(1006, this.#goodbye));
  }

  #receive(text: unknown): void {
    const message = decodeMessage(text);
    if (message === undefined || this.#ended) return;
    if (message.type === 'answer') return this.#settle(message);
    if (message.method === 'goodbye') this.#goodbye = message.data;
    this.emit('notification', message);
  }

  #settle({ id, outcome }: Answer): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (outcome.ok) pending.resolve(outcome.data);
    else pending.reject(new Refused(pending.method, outcome.code, outcome.error, outcome.reason));
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.close();
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(new Ended(ending));
    }
    this.#pending.clear();
    this.emit('ended', ending);
  }
}
