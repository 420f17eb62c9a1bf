// Debian's Janus with its videoroom plugin, configured by bench/peers/janus.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { until } from '../../harness/time.mjs';
import { Program, isInstalled } from './process.mjs';

const TEMPLATES = path.join(import.meta.dirname, '../../../bench/peers/janus');
/** The measurement has a network of its own: any port is free. */
const PORT = 8_188;

export const name = 'janus';

export const missing = async () => ((await isInstalled('janus')) ? null : 'Janus is not installed: apt-get install janus');

export async function start(ip) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'corelay-janus-'));
  const values = { '@GENERAL@': '', '@NAT@': `ice_enforce_list = "${ip}"`, '@PORT@': `${PORT}`, '@IP@': ip };
  for (const file of fs.readdirSync(TEMPLATES)) {
    const text = fs.readFileSync(path.join(TEMPLATES, file), 'utf8');
    fs.writeFileSync(path.join(folder, file), text.replace(/@[A-Z]+@/g, (mark) => values[mark] ?? mark));
  }
  const program = new Program('janus', ['-F', folder, '-C', path.join(folder, 'janus.jcfg')]);
  program.output.resume();
  const stop = async () => {
    await program.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  };
  await until(() => `Janus listens: ${program.said}`, () => listens(ip, PORT)).catch(async (error) => {
    await stop();
    throw error;
  });
  // It ends with an error after it has said its version.
  const { stdout, stderr } = await promisify(execFile)('janus', ['--version']).catch((ended) => ended);
  return { version: /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)?.[0] ?? 'of the system', address: () => ({ url: `ws://${ip}:${PORT}` }), log: () => program.said, stop };
}

function listens(host, port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
