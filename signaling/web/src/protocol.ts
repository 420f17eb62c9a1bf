/**
 * The wire protocol of Corelay, version 1, as docs/protocol.md defines it: the envelope, the requests with their answers and the
 * notifications. The media objects are mediasoup-client's own types, because the protocol carries them without change.
 */
import type { types } from 'mediasoup-client';

export const SUBPROTOCOL = 'corelay.v1';

export type Source = 'microphone' | 'camera' | 'screen' | 'screen-audio';
export type Kind = 'audio' | 'video';
export type AppData = Record<string, unknown>;

export interface ProducerInfo {
  producerId: string;
  participantId: string;
  kind: Kind;
  source: Source;
  paused: boolean;
  appData?: AppData;
}

export interface ParticipantInfo {
  participantId: string;
  identity: string;
  displayName?: string;
  producers: ProducerInfo[];
}

export interface TransportInfo {
  id: string;
  iceParameters: types.IceParameters;
  iceCandidates: types.IceCandidate[];
  dtlsParameters: types.DtlsParameters;
}

export interface ConsumerInfo {
  id: string;
  producerId: string;
  kind: Kind;
  type: 'simple' | 'simulcast' | 'svc';
  rtpParameters: types.RtpParameters;
  producerPaused: boolean;
  source: Source;
  appData?: AppData;
}

export interface JoinAnswer {
  participantId: string;
  identity: string;
  room: string;
  protocolVersion: number;
  participants: ParticipantInfo[];
  activeSpeaker: ActiveSpeaker;
}

export interface ActiveSpeaker {
  participantId: string | null;
  producerId: string | null;
}

export interface Layers {
  spatialLayer: number;
  temporalLayer: number;
}

export type Why = 'best' | 'preferred' | 'viewport' | 'bandwidth' | 'layer-silent' | 'publisher-paused' | 'waiting' | 'paused' | 'not-speaking';

/** What the server sends of it: the members of docs/protocol.schema.json that this page shows. */
export interface ServerStats {
  participantId: string;
  transports: TransportStats[];
  producers: ProducerStats[];
  consumers: ConsumerStats[];
}

export interface TransportStats {
  transportId: string;
  roundTripMs?: number;
  receivedLostPercent?: number;
  sentLostPercent?: number;
  estimateBps?: number;
  resent: number;
}

export interface ProducerStats {
  producerId: string;
  kind: Kind;
  source: Source;
  score?: number;
  heard?: boolean;
  encodings: EncodingStats[];
}

export interface EncodingStats {
  rid?: string;
  live: boolean;
  bitrateBps?: number;
  framesPerSecond?: number;
  width?: number;
  height?: number;
  lostPercent?: number;
  nacked: number;
  keyframeRequests: number;
  score?: number;
}

export interface ConsumerStats {
  consumerId: string;
  producerId: string;
  kind: Kind;
  layers: Layers | null;
  targetLayers: Layers | null;
  why: Why;
  estimateBps?: number;
  bitrateBps?: number;
  lostPercent?: number;
  nacked: number;
  resent: number;
  score?: number;
}

type Empty = Record<string, never>;
type OfProducer = { data: { producerId: string }; answer: Empty };
type OfConsumer = { data: { consumerId: string }; answer: Empty };

/** Every request with the shape of its `data` and of its answer. */
export interface Requests {
  getRouterRtpCapabilities: { data: Empty; answer: types.RtpCapabilities };
  join: { data: { displayName?: string; rtpCapabilities?: types.RtpCapabilities }; answer: JoinAnswer };
  createWebRtcTransport: { data: { direction: 'send' | 'recv' }; answer: TransportInfo };
  connectWebRtcTransport: { data: { transportId: string; dtlsParameters: types.DtlsParameters }; answer: Empty };
  restartIce: { data: { transportId: string }; answer: { iceParameters: types.IceParameters } };
  closeTransport: { data: { transportId: string }; answer: Empty };
  produce: {
    data: { transportId: string; kind: Kind; rtpParameters: types.RtpParameters; source: Source; paused?: boolean; appData?: AppData };
    answer: { id: string };
  };
  closeProducer: OfProducer;
  pauseProducer: OfProducer;
  resumeProducer: OfProducer;
  consume: { data: { transportId: string; producerId: string; paused?: boolean; priority?: number }; answer: ConsumerInfo };
  closeConsumer: OfConsumer;
  pauseConsumer: OfConsumer;
  resumeConsumer: OfConsumer;
  requestConsumerKeyFrame: OfConsumer;
  setConsumerPreferredLayers: { data: { consumerId: string; spatialLayer?: number; temporalLayer?: number }; answer: Empty };
  setConsumerViewport: { data: { consumerId: string; width: number; height: number }; answer: Empty };
  getStats: { data: Empty; answer: ServerStats };
  leave: { data: Empty; answer: Empty };
}

export type Method = keyof Requests;
export type TransportStateName = 'new' | 'checking' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed';
export type LeaveReason = 'left' | 'disconnected' | 'replaced' | 'removed' | 'failed';
type ProducerRef = { producerId: string; participantId: string };

/** Every notification with the shape of its `data`. */
export interface Notifications {
  participantJoined: ParticipantInfo;
  participantLeft: { participantId: string; reason: LeaveReason };
  newProducer: ProducerInfo;
  producerClosed: ProducerRef;
  producerPaused: ProducerRef;
  producerResumed: ProducerRef;
  consumerClosed: { consumerId: string; producerId: string };
  consumerLayersChanged: { consumerId: string; layers: Layers | null; why: Why; estimateBps?: number };
  consumerScore: { consumerId: string; score: number; producerScore: number };
  producerLayersWanted: { producerId: string; encodings: boolean[] };
  activeSpeaker: ActiveSpeaker;
  transportState: { transportId: string; state: TransportStateName; reason?: string };
  serverDraining: { deadlineSeconds: number };
  goodbye: Goodbye;
}

export interface Goodbye {
  reason: string;
  message: string;
  reconnect: boolean;
}

export interface Answer {
  type: 'answer';
  id: number;
  outcome: { ok: true; data: unknown } | { ok: false; code: number; error: string; reason: string };
}

/** `data` is checked by its consumer only by type: the server of this protocol version promises its shape. */
export type Notification = { [Name in keyof Notifications]: { type: 'notification'; method: Name; data: Notifications[Name] } }[keyof Notifications];

const NOTIFICATION_NAMES: ReadonlySet<string> = new Set<keyof Notifications>([
  'participantJoined', 'participantLeft', 'newProducer', 'producerClosed', 'producerPaused', 'producerResumed', 'consumerClosed',
  'consumerLayersChanged', 'consumerScore', 'producerLayersWanted', 'activeSpeaker', 'transportState', 'serverDraining', 'goodbye',
]);

export function encodeRequest(id: number, method: Method, data: unknown): string {
  return JSON.stringify({ request: true, id, method, data });
}

/**
 * Reads one message of the server. `undefined` for what this page does not know: a newer server may send more kinds of
 * notification, and a client that stops at the first unknown one could never be older than its server.
 */
export function decodeMessage(text: unknown): Answer | Notification | undefined {
  const message = parseObject(text);
  if (message === undefined) return undefined;
  if (message['response'] === true && typeof message['id'] === 'number') return decodeAnswer(message, message['id']);
  const method = message['method'];
  if (message['notification'] !== true || typeof method !== 'string' || !NOTIFICATION_NAMES.has(method)) return undefined;
  return { type: 'notification', method, data: message['data'] ?? {} } as Notification;
}

function decodeAnswer(message: Record<string, unknown>, id: number): Answer {
  if (message['ok'] === true) return { type: 'answer', id, outcome: { ok: true, data: message['data'] ?? {} } };
  const code = typeof message['errorCode'] === 'number' ? message['errorCode'] : 500;
  const error = typeof message['error'] === 'string' ? message['error'] : 'unknown';
  const reason = typeof message['errorReason'] === 'string' ? message['errorReason'] : 'The server refused the request.';
  return { type: 'answer', id, outcome: { ok: false, code, error, reason } };
}

function parseObject(text: unknown): Record<string, unknown> | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
