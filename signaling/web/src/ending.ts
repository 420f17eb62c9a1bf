/**
 * Why a connection ended, in words for people, and what to do about it: try again with the same token, try again with a new one,
 * or stop.
 */
import type { Goodbye } from './protocol.ts';

export type Remedy = 'retry' | 'fresh-token' | 'stop';

export interface Ending {
  /** The protocol's name of the reason, or `lost` when the connection broke without a word. */
  reason: string;
  title: string;
  sentence: string;
  remedy: Remedy;
}

const WORDS: Readonly<Record<string, readonly [title: string, sentence: string]>> = {
  'left': ['You left the call', 'You can join again at any time.'],
  'lost': ['The connection was lost', 'Check the network; the page keeps trying to reach the server.'],
  'replaced': ['You joined from somewhere else', 'The same person joined this room in another window or on another device. The call goes on there.'],
  'removed': ['You were removed from the call', 'Someone who runs this room ended your participation.'],
  'room-closed': ['The call has ended', 'The room was closed for everyone.'],
  'server-shutdown': ['The server is restarting', 'The call goes on as soon as it is back.'],
  'shard-restarted': ['The call was interrupted', 'A part of the server had to start again; the call is being set up anew.'],
  'token-missing': ['Access is needed', 'This server asks for an access token. Open the link that you were given, or paste the token.'],
  'token-malformed': ['The access token cannot be read', 'Check that it was copied completely, from the first character to the last.'],
  'token-expired': ['The access token has expired', 'Ask for a new link and join again.'],
  'token-not-yet-valid': ['It is too early to join', 'The access token is valid from a later time on. Try again then.'],
  'token-bad-signature': ['The access token was not accepted', 'It was made for another server. Ask for a new link.'],
  'token-wrong-audience': ['The access token was not accepted', 'It was made for another service. Ask for a new link.'],
  'token-wrong-issuer': ['The access token was not accepted', 'It comes from an issuer that this server does not know. Ask for a new link.'],
  'token-missing-claim': ['The access token is incomplete', 'It does not say who joins or which room. Ask for a new link.'],
  'unknown-room': ['There is no such room', 'Rooms are made in advance on this server. Check the name of the room.'],
  'draining': ['The server takes no new calls', 'It is about to be updated. Try again in a few minutes.'],
  'full': ['The server is full', 'There is no place for one more participant. Try again later.'],
  'busy': ['The server is busy', 'Trying again in a moment.'],
  'too-many-requests': ['Too many requests', 'The page asked the server too often and was disconnected. Wait a moment.'],
  'too-large': ['A message was too large', 'The server refused a message of this page. Reload the page.'],
  'malformed': ['The server did not understand this page', 'Page and server are probably of different versions. Reload the page.'],
};

/** Reasons that a new token of the demo server cures: a restarted development server has a new secret. */
const CURED_BY_TOKEN: ReadonlySet<string> = new Set(['token-expired', 'token-bad-signature', 'token-malformed']);

const REASON_OF_CLOSE: Readonly<Record<number, string>> = {
  1000: 'left', 1001: 'server-shutdown', 1008: 'too-many-requests', 1009: 'too-large',
  4401: 'token-malformed', 4403: 'removed', 4409: 'replaced', 4503: 'full',
};

/** Close codes after which another attempt makes sense when no goodbye told more: everything that is not a decision of the server. */
const FINAL_CLOSES: ReadonlySet<number> = new Set([1000, 1008, 1009, 4401, 4403, 4409]);

export function endingOf(closeCode: number, goodbye: Goodbye | undefined): Ending {
  const reason = goodbye?.reason ?? REASON_OF_CLOSE[closeCode] ?? 'lost';
  const again = goodbye?.reconnect ?? !FINAL_CLOSES.has(closeCode);
  const remedy: Remedy = CURED_BY_TOKEN.has(reason) ? 'fresh-token' : again ? 'retry' : 'stop';
  return endingWith(reason, remedy, goodbye?.message);
}

export function endingWith(reason: string, remedy: Remedy, message?: string): Ending {
  const words = WORDS[reason];
  if (words !== undefined) return { reason, title: words[0], sentence: words[1], remedy };
  return { reason, title: 'The call was interrupted', sentence: message ?? 'The server ended the connection.', remedy };
}
