/** Statistics in words: one row a line of the overlay. */
import type { TrackReport } from '../statsreader.ts';
import type { TrackStats } from '../stats.ts';

export type Row = readonly [label: string, value: string];

/** Video first; the sound of the same tile in one line below it. */
export function rowsOf(reports: readonly TrackReport[]): Row[] {
  const video = reports.find(({ stats }) => stats.kind === 'video')?.stats;
  const audio = reports.find(({ stats }) => stats.kind === 'audio')?.stats;
  return [...(video ? videoRows(video) : []), ...(audio ? [audioRow(audio)] : [])];
}

function videoRows(stats: TrackStats): Row[] {
  const sent = stats.direction === 'sent';
  const size = stats.width === undefined ? '–' : `${stats.width} × ${stats.height}`;
  const rows: Row[] = [
    [stats.codec ?? 'Video', `${size} · ${Math.round(stats.fps ?? 0)} fps`],
    [sent ? 'Sending' : 'Receiving', rate(stats.bitrate)],
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

function rate(bitsPerSecond: number | undefined): string {
  if (bitsPerSecond === undefined) return '–';
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(2)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

function ms(value: number | undefined): string {
  if (value === undefined) return '–';
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

function percent(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(1)} %`;
}

function count(value: number | undefined): string {
  return value === undefined ? '–' : value.toLocaleString('en-US');
}
