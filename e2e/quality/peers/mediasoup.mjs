// mediasoup by its library, in the program that the bench uses; a WebSocket carries its lines to the pages.
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocketServer } from 'ws';
import { Program } from './process.mjs';

const FOLDER = path.join(import.meta.dirname, '../../../bench/peers/mediasoup');
const START_MAX_MS = 15_000;
/** The library's own default. */
const INITIAL_BITRATE = 600_000;

export const name = 'mediasoup';

export async function missing() {
  const worker = process.env.MEDIASOUP_WORKER_BIN;
  if (!worker || !fs.existsSync(worker)) return 'MEDIASOUP_WORKER_BIN does not name a mediasoup-worker';
  return fs.existsSync(path.join(FOLDER, 'node_modules/mediasoup')) ? null : 'its library is not installed: npm install --ignore-scripts in bench/peers/mediasoup';
}

export async function start(ip) {
  const settings = { ip, ports: { min: 40_000, max: 49_000 }, initialBitrate: INITIAL_BITRATE };
  const program = new Program(process.execPath, ['server.mjs', JSON.stringify(settings)], { cwd: FOLDER });
  const lines = new Lines(program);
  const timer = setTimeout(() => program.stop(), START_MAX_MS);
  const { version } = await lines.ready.catch(() => {
    throw new Error(`mediasoup did not start: ${program.said}`);
  });
  clearTimeout(timer);
  const site = new WebSocketServer({ host: ip, port: 0 });
  await new Promise((resolve) => site.once('listening', resolve));
  site.on('connection', (socket) => socket.on('message', (text) => lines.ask(JSON.parse(text), (answer) => socket.send(JSON.stringify(answer)))));
  const stop = async () => {
    site.clients.forEach((client) => client.terminate());
    site.close();
    await program.stop();
  };
  return { version, address: () => ({ url: `ws://${ip}:${site.address().port}` }), log: () => program.said, stop };
}

/** Requests of many pages on one pipe: each gets its own number back. */
class Lines {
  #waiting = new Map();
  #last = 0;
  #input;

  constructor(program) {
    this.#input = program.input;
    this.ready = new Promise((resolve, reject) => {
      program.ended.then(reject);
      createInterface({ input: program.output }).on('line', (line) => {
        const message = JSON.parse(line);
        if (message.ready) return resolve(message.ready);
        const waiting = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        waiting?.({ ...message });
      });
    });
  }

  ask({ id, ...request }, answer) {
    const number = ++this.#last;
    this.#waiting.set(number, (message) => answer({ ...message, id }));
    this.#input.write(`${JSON.stringify({ id: number, ...request })}\n`);
  }
}
