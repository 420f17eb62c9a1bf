/** Statistics in words: one row a line of the overlay. */
import type { ConsumerStats, Why } from '../protocol.ts';
import type { Received } from '../quality.ts';
import type { TrackReport } from '../statsreader.ts';
import type { TrackStats } from '../stats.ts';

export type Row = readonly [label: string, value: string];

/** What the server says of a received video. */
export type Given = Received & Pick<ConsumerStats, 'nacked' | 'resent'>;

/** Video first; the sound of the same tile in one line at the end. `given` is what the server says of the video. */
export function rowsOf(reports: readonly TrackReport[], given: Given | undefined): Row[] {
  const video = reports.find(({ stats }) => stats.kind === 'video')?.stats;
  const audio = reports.find(({ stats }) => stats.kind === 'audio')?.stats;
  return [...(video ? videoRows(video, given) : []), ...(audio ? [audioRow(audio)] : [])];
}

const REASONS: Record<Why, string> = {
  'best': 'all there is',
  'preferred': 'chosen in the menu',
  'viewport': 'enough for this tile',
  'bandwidth': 'the network carries no more',
  'layer-silent': 'the sender sends no other',
  'publisher-paused': 'paused by the sender',
  'waiting': 'waits for a keyframe',
  'paused': 'paused here',
  'not-speaking': 'does not speak',
};

/** Which layer it is, and why no higher one. */
export function layerWords({ layers, why, estimateBps }: Received): string {
  const layer = layers ? `S${layers.spatialLayer} T${layers.temporalLayer}` : 'none';
  const reason = why === undefined ? '' : ` · ${REASONS[why] ?? why}`;
  return `${layer}${reason}${estimateBps === undefined ? '' : ` (${rate(estimateBps)})`}`;
}

function givenRows(given: Given): Row[] {
  const { score, producerScore, nacked, resent } = given;
  const rows: Row[] = given.why === undefined ? [] : [['Layer', layerWords(given)]];
  if (score !== undefined) rows.push(['Score', `${score} of 10${producerScore === undefined ? '' : ` · sender ${producerScore}`}`]);
  if (nacked > 0 || resent > 0) rows.push(['Repaired', `${count(resent)} of ${count(nacked)} asked for`]);
  return rows;
}

function videoRows(stats: TrackStats, given: Given | undefined): Row[] {
  const sent = stats.direction === 'sent';
  const size = stats.width === undefined ? '–' : `${stats.width} × ${stats.height}`;
  const rows: Row[] = [
    [stats.codec ?? 'Video', `${size} · ${Math.round(stats.fps ?? 0)} fps`],
    [sent ? 'Sending' : 'Receiving', rate(stats.bitrate)],
    ...(given === undefined ? [] : givenRows(given)),
    ['Loss', `${percent(stats.lossPercent)} · ${count(stats.packetsLost)} packets`],
    ['Round trip', `${ms(stats.rttMs)} · jitter ${ms(stats.jitterMs)}`],
    [sent ? 'Encoded' : 'Decoded', sent ? `${count(stats.frames)} frames` : `${count(stats.frames)} · ${count(stats.framesDropped)} dropped`],
  ];
  if (stats.limitedBy !== undefined) rows.push(['Limited by', stats.limitedBy]);
  return rows;
}

function audioRow(stats: TrackStats): Row {
  return ['Audio', `${stats.codec ?? ''} ${rate(stats.bitrate)} · loss ${percent(stats.lossPercent)}`.trim()];
}

export function rate(bitsPerSecond: number | undefined): string {
  if (bitsPerSecond === undefined) return '–';
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(2)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

export function ms(value: number | undefined): string {
  if (value === undefined) return '–';
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function percent(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(1)} %`;
}

function count(value: number | undefined): string {
  return value === undefined ? '–' : value.toLocaleString('en-US');
}
