/** Access tokens: the one of the link, or those that a development server mints for this page. */
import { Ended } from './signaling.ts';
import { endingWith } from './ending.ts';
import type { Source } from './protocol.ts';

export interface Claims {
  identity: string | undefined;
  room: string | undefined;
  name: string | undefined;
  expiresAtMs: number;
  /** What may be published. `undefined`: the token cannot be read here; the server decides. */
  publish: ReadonlySet<string> | undefined;
}

export interface TokenSource {
  /** A token that has not expired. */
  token(): Promise<string>;
  /** The server did not accept the last one. Gives whether asking for another makes sense. */
  refused(): boolean;
}

/** The token is not checked here, only read: to show the room, and to grey out what it does not allow. The server checks it. */
export function readClaims(token: string): Claims {
  const claims = decodePayload(token);
  const text = (name: string) => (typeof claims[name] === 'string' ? claims[name] : undefined);
  const publish = claims['publish'];
  return {
    identity: text('sub'),
    room: text('room'),
    name: text('name'),
    expiresAtMs: typeof claims['exp'] === 'number' ? claims['exp'] * 1000 : Number.POSITIVE_INFINITY,
    publish: Array.isArray(publish) ? new Set(publish.map(String)) : Object.keys(claims).length > 0 ? new Set() : undefined,
  };
}

/** The grant that a source needs. */
export function grantOf(source: Source): 'audio' | 'video' | 'screen' {
  if (source === 'microphone') return 'audio';
  return source === 'camera' ? 'video' : 'screen';
}

export class GivenToken implements TokenSource {
  constructor(readonly value: string) {}

  token(): Promise<string> {
    return Promise.resolve(this.value);
  }

  refused(): boolean {
    return false;
  }
}

/** No endpoint for demo tokens: a production server. The page asks for a token. */
export class NoDemoTokens extends Error {}

/** Lower renews too late on a slow network; higher throws a useful token away. */
const EXPIRY_MARGIN_MS = 30_000;
const REFUSALS_MAX = 3;

/**
 * Keeps its token over reconnects, and its identity over tokens, because the same identity takes the old place in the room
 * (docs/protocol.md, last section); asks for a new token when it is about to expire or was refused.
 */
export class DemoTokens implements TokenSource {
  #token: string | undefined;
  #identity: string | undefined;
  #refusals = 0;

  constructor(readonly room: string, readonly name: string) {}

  async token(): Promise<string> {
    if (this.#token !== undefined && readClaims(this.#token).expiresAtMs > Date.now() + EXPIRY_MARGIN_MS) return this.#token;
    this.#token = await this.#mint();
    this.#identity = readClaims(this.#token).identity;
    return this.#token;
  }

  refused(): boolean {
    this.#token = undefined;
    return ++this.#refusals < REFUSALS_MAX;
  }

  /** Joined: the refusals before do not count any more. */
  accepted(): void {
    this.#refusals = 0;
  }

  async #mint(): Promise<string> {
    const answer = await this.#post();
    if (answer.status === 404 || answer.status === 403) throw new NoDemoTokens();
    if (answer.status === 400 || answer.status === 422) throw new Ended({ ...endingWith('malformed', 'stop'), title: 'The room cannot be joined', sentence: 'Use a name and a room of 1 to 128 characters.' });
    if (!answer.ok) throw new Ended(endingWith('busy', 'retry'));
    const body = (await answer.json()) as { token: string };
    return body.token;
  }

  async #post(): Promise<Response> {
    try {
      return await fetch('/api/demo/token', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ room: this.room, name: this.name, identity: this.#identity }),
        signal: AbortSignal.timeout(8_000),
      });
    } catch {
      throw new Ended(endingWith('lost', 'retry'));
    }
  }
}

function decodePayload(token: string): Record<string, unknown> {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
