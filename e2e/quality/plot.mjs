// Plots over the time of the script, as SVG: a line for each server and round, the phases behind them.

const [WIDTH, LEFT, RIGHT, TOP, FOOT] = [1_000, 64, 16, 44, 26];
const COLOURS = { corelay: '#3f7cac', mediasoup: '#c2571a', janus: '#5b8c3e' };
const STYLE = 'text{font:12px ui-monospace,monospace;fill:#444}';
/** The longest stand of a picture that is not drawn in full strength: what nobody is to see is darker. */
const FREEZE_MS = 500;

const escape = (text) => `${text}`.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const x = (ms, total) => LEFT + (ms / total) * (WIDTH - LEFT - RIGHT);

/** A quantity over time. `lines`: `{ server, points: [[ms, value]] }`; `phases`: `{ title, from, to }` in ms. */
export function linePlot({ title, unit, lines, phases, total, stepped = false }) {
  const height = 240;
  const most = niceTop(Math.max(1, ...lines.flatMap(({ points }) => points.map(([, value]) => value))));
  const y = (value) => TOP + (1 - value / most) * (height - TOP - FOOT);
  const paths = lines.map(({ server, points }) => {
    const steps = points.map(([at, value], n) => `${n === 0 ? 'M' : stepped ? `H${x(at, total).toFixed(1)}V` : 'L'}${n > 0 && stepped ? '' : `${x(at, total).toFixed(1)} `}${y(value).toFixed(1)}`);
    return `<path d="${steps.join('')}" fill="none" stroke="${COLOURS[server]}" stroke-width="1.6" stroke-opacity=".8"/>\n`;
  });
  const ticks = [0, most / 2, most].map((value) => `<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text><line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/>\n`);
  return frame({ title: `${title}, ${unit}`, servers: serversOf(lines), phases, total, height, body: ticks.join('') + paths.join('') });
}

/** When pictures stood: a lane for each server and round. `lanes`: `{ server, stands: [[from, to]] }` in ms. */
export function standPlot({ title, lanes, phases, total }) {
  const lane = 18;
  const height = TOP + FOOT + lanes.length * lane;
  const body = lanes.map(({ server, stands }, n) => {
    const top = TOP + n * lane + 3;
    const bars = stands.map(([from, to]) => {
      const width = Math.max(1.5, x(to, total) - x(from, total));
      return `<rect x="${x(from, total).toFixed(1)}" y="${top}" width="${width.toFixed(1)}" height="${lane - 6}" fill="${COLOURS[server]}" fill-opacity="${to - from > FREEZE_MS ? 1 : 0.4}"/>`;
    });
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${top + lane / 2 - 3}" y2="${top + lane / 2 - 3}" stroke="#ddd"/>${bars.join('')}\n`;
  });
  return frame({ title, servers: serversOf(lanes), phases, total, height, body: body.join('') });
}

const serversOf = (rows) => [...new Set(rows.map(({ server }) => server))];

function frame({ title, servers, phases, total, height, body }) {
  const shades = phases.map(({ title: name, from, to }, n) => {
    const [left, right] = [x(from, total), x(to, total)];
    return `<rect x="${left.toFixed(1)}" y="${TOP}" width="${(right - left).toFixed(1)}" height="${height - TOP - FOOT}" fill="#000" fill-opacity="${n % 2 ? 0.03 : 0.06}"/>` +
      `<text x="${((left + right) / 2).toFixed(1)}" y="${TOP - 6}" text-anchor="middle">${escape(name)}</text>\n`;
  });
  const legend = servers.map((server, n) => `<text x="${WIDTH - RIGHT - (servers.length - n) * 96}" y="16" style="fill:${COLOURS[server]};font-weight:bold">${escape(server)}</text>\n`);
  const seconds = Array.from({ length: Math.floor(total / 20_000) + 1 }, (_, n) => `<text x="${x(n * 20_000, total).toFixed(1)}" y="${height - 8}" text-anchor="middle">${n * 20} s</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}"><style>${STYLE}</style><rect width="${WIDTH}" height="${height}" fill="#fff"/>\n` +
    `<text x="${LEFT}" y="16" style="font-weight:bold">${escape(title)}</text>\n${legend.join('')}${shades.join('')}${body}${seconds.join('')}</svg>\n`;
}

/** 1, 2 or 5 times a power of ten. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((top) => top >= value);
}
