// What was measured: JSON for programs, plots, and the tables of docs/quality.md.
import fs from 'node:fs';
import path from 'node:path';
import { STANDS_MS } from './figures.mjs';
import { linePlot, standPlot } from './plot.mjs';

const [BEGIN, END] = ['<!-- figures: begin -->', '<!-- figures: end -->'];
/** Bitrates are means over this, so that a keyframe does not stand out as a spike. */
const RATE_WINDOW_MS = 1_000;

const percent = (part, digits = 1) => `${(part * 100).toFixed(digits)} %`;

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  return low === high ? low : (low + high) / 2;
}

/** Rows of a phase's table: what it is called, how it is read, how it is written; and in which phases, if not in all. */
const ROWS = [
  ['frames decoded, of those sent', ({ decodedPart }) => decodedPart, (value) => percent(value)],
  ['longest stand of the picture', ({ longestStandMs }) => longestStandMs, (value) => `${Math.round(value)} ms`],
  ['freezes (as the browser counts)', ({ freezes }) => freezes, (value) => `${Math.round(value)}`],
  ['frozen', ({ frozenSeconds }) => frozenSeconds, (value) => `${value.toFixed(2)} s`],
  ['voice made up', ({ concealedPart }) => concealedPart, (value) => percent(value, 2)],
  ['received', ({ kbps }) => kbps, (value) => `${Math.round(value)} kbit/s`],
  ['width, most of the time', ({ widths }) => Number(Object.entries(widths ?? {}).sort((a, b) => b[1] - a[1])[0]?.[0]), (value) => `${value}`],
  ['settled after', ({ settledMs }) => settledMs, (value) => (value === null ? 'never' : `${(value / 1_000).toFixed(1)} s`), ['narrow', 'back']],
  ['jitter buffer', ({ jitterBufferMs }) => jitterBufferMs, (value) => `${Math.round(value)} ms`],
  ['frames that the publisher sent', ({ framesSent }) => framesSent, (value) => `${value}`],
];

export function writeReport(directory, report) {
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, 'report.json'), `${JSON.stringify(report, null, 1)}\n`);
  for (const [name, svg] of Object.entries(plots(report))) fs.writeFileSync(path.join(directory, `${name}.svg`), svg);
}

/** Puts tables between the marks of a document, and the plots beside it. */
export function writeDocs(file, report) {
  const text = fs.readFileSync(file, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${file} has no line \`${BEGIN}\` with \`${END}\` after it`);
  const images = path.join(path.dirname(file), 'images');
  const figures = Object.entries(plots(report)).map(([name, svg]) => {
    fs.writeFileSync(path.join(images, `quality-${name}.svg`), svg);
    return `![${name}](images/quality-${name}.svg)\n`;
  });
  fs.writeFileSync(file, `${before}${BEGIN}\n\n${tables(report)}\n${figures.join('\n')}\n${END}${after}`);
}

/** One line a server for the terminal. */
export function summary({ server, round, joins, phases, busy }) {
  const phase = ([name, figures]) => `${name} ${figures.decodedPart === undefined ? 'no samples' : `${percent(figures.decodedPart, 0)}/${Math.round(figures.longestStandMs)}ms/${percent(figures.concealedPart)}/${Math.round(figures.kbps)}k`}`;
  return `${server} round ${round}: first frame ${joins.map(({ first }) => Math.round(first)).join(' ')} ms; ${Object.entries(phases).map(phase).join(', ')}; machine ${percent(busy, 0)} busy`;
}

function tables(report) {
  const servers = [...new Set(report.runs.map(({ server }) => server))];
  const machine = servers.map((server) => `${server} ${report.versions[server]}: ${runsOf(report, server).length} rounds, processors ${runsOf(report, server).map(({ busy }) => percent(busy, 0)).join(', ')} busy`);
  const about = [`${report.at}, commit ${report.commit}, ${report.browser}, ${report.machine}`, ...machine, report.link].filter(Boolean).map((line) => `    ${line}\n`).join('');
  const head = `| | ${servers.join(' | ')} |\n| --- |${servers.map(() => ' ---: |').join('')}\n`;
  const cell = (server, read, write) => spread(runsOf(report, server).map(read).filter((value) => value !== undefined && !Number.isNaN(value)), write);
  const row = (name, read, write) => `| ${name} | ${servers.map((server) => cell(server, read, write)).join(' | ')} |\n`;
  const joining = `### Joining on a clean link\n\n${head}${row('a joiner\'s first frame, from the call', ({ joins }) => median(joins.slice(1).map(({ first }) => first)), (value) => `${Math.round(value)} ms`)}` +
    row('the first viewer\'s', ({ joins }) => joins[0].first, (value) => `${Math.round(value)} ms`);
  const phases = report.phases.filter(({ title }) => title).map(({ name, title }) => `### ${title}\n\n${head}${ROWS.filter(([, , , only]) => only?.includes(name) ?? true).map(([label, read, write]) => row(label, ({ phases: measured }) => read(measured[name]), write)).join('')}`);
  return `${about}\n${joining}\n${phases.join('\n')}`;
}

const runsOf = ({ runs }, server) => runs.filter((run) => run.server === server);

/** The median, and the least and the greatest of several rounds. */
function spread(values, write) {
  if (values.length === 0) return '-';
  const known = values.map((value) => value ?? Infinity).sort((a, b) => a - b);
  const shown = (value) => write(value === Infinity ? null : value);
  const [least, greatest] = [shown(known[0]), shown(known.at(-1))];
  return least === greatest ? least : `${shown(median(known))} (${least.replace(/ .*/, '')} to ${greatest.replace(/ .*/, '')})`;
}

function plots(report) {
  const phases = report.phases.filter(({ title }) => title).map(({ title, from, to }) => ({ title, from, to }));
  const total = report.phases.at(-1).to;
  const runs = report.runs.map(({ server, viewer, began }) => ({ server, samples: viewer.samples.filter(({ video, at }) => video && at >= began && at <= began + total), frames: viewer.frames.map(([at]) => at - began).filter((at) => at >= 0 && at <= total), began }));
  const bitrate = runs.map(({ server, samples, began }) => ({ server, points: rates(samples).map(([at, kbps]) => [at - began, kbps]) }));
  const width = runs.map(({ server, samples, began }) => ({ server, points: samples.map(({ at, video }) => [at - began, video.frameWidth ?? 0]) }));
  const lanes = runs.map(({ server, frames }) => ({ server, stands: [0, ...frames].map((at, n) => [at, frames[n] ?? total]).filter(([from, to]) => to - from > STANDS_MS) }));
  return {
    bitrate: linePlot({ title: 'Received', unit: 'kbit/s', lines: bitrate, phases, total }),
    width: linePlot({ title: 'Width of the picture', unit: 'points', lines: width, phases, total, stepped: true }),
    freezes: standPlot({ title: `The picture stands for more than ${STANDS_MS} ms (dark: more than 500)`, lanes, phases, total }),
  };
}

function rates(samples) {
  const bytes = ({ video, audio }) => (video.bytesReceived ?? 0) + (audio?.bytesReceived ?? 0);
  return samples.flatMap((sample, n) => {
    const before = samples.findLast(({ at }, m) => m < n && at <= sample.at - RATE_WINDOW_MS);
    return before ? [[sample.at, ((bytes(sample) - bytes(before)) * 8) / (sample.at - before.at)]] : [];
  });
}
