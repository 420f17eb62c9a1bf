// Starts the server under test on free ports, asks it things, and ends it by its process id.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import { until } from './time.mjs';

const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

const RTC_PORTS = 10;
/** A cold start measured well below a second; the machine is shared. */
const START_MS = 20_000;

export class Server {
  #child;
  #log = '';
  #secret = crypto.randomBytes(24).toString('hex');

  /** Without `environment.JWT_SECRET === ''` the server has a secret, and `token()` makes what it accepts. */
  static async start({ environment = {}, host = '127.0.0.1' } = {}) {
    const server = new Server();
    const rtcPort = await freeRtcPorts();
    server.port = await freePort();
    server.host = host;
    server.environment = {
      PORT: `${server.port}`,
      RTC_MIN_PORT: `${rtcPort}`,
      RTC_MAX_PORT: `${rtcPort + RTC_PORTS - 1}`,
      JWT_SECRET: server.#secret,
      LOG_LEVEL: 'info',
      ...environment,
    };
    await server.launch();
    return server;
  }

  get origin() {
    return `http://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  get log() {
    return this.#log;
  }

  get pid() {
    return this.#child.pid;
  }

  /** Starts the process, with the same ports and the same secret as before, and waits until it is ready. */
  async launch() {
    const binary = process.env.CORELAY_BIN;
    if (!binary) throw new Error('CORELAY_BIN must be the path of the server; `cargo xtask test --only browser` sets it');
    const { PATH, HOME, RUST_BACKTRACE } = process.env;
    const environment = Object.fromEntries(Object.entries({ PATH, HOME, RUST_BACKTRACE, ...this.environment }).filter(([, value]) => value));
    const child = spawn(binary, [], { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
    children.add(child);
    this.#child = child;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        children.delete(child);
        resolve({ code, signal });
      });
      child.once('error', (error) => resolve({ code: -1, signal: String(error) }));
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (this.#log += data));
    const ended = this.exited.then(({ code, signal }) => {
      throw new Error(`the server ended at start with ${signal ?? code}:\n${this.#log.slice(-4000)}`);
    });
    // Later exits are expected: only the race below wants to know.
    ended.catch(() => {});
    await Promise.race([ended, until('the server is ready', () => this.isReady(), START_MS)]);
  }

  async isReady() {
    const answer = await fetch(`${this.origin}/ready`).catch(() => undefined);
    return answer?.status === 200;
  }

  /** SIGTERM, and how it ended. `null` if it was not done in time. */
  async stop(limitMs = 15_000) {
    this.#child.kill('SIGTERM');
    const timer = new Promise((resolve) => setTimeout(resolve, limitMs, null).unref());
    const ended = await Promise.race([this.exited, timer]);
    if (ended === null) await this.kill();
    return ended;
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** SIGKILL: as a crash. */
  async kill() {
    this.#child.kill('SIGKILL');
    return this.exited;
  }

  /** A token for the protocol of docs/protocol.md. */
  token(claims = {}) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const all = { sub: crypto.randomUUID(), room: 'test', publish: ['audio', 'video', 'screen'], exp: Math.floor(Date.now() / 1000) + 3600, ...claims };
    const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(all)}`;
    return `${signed}.${crypto.createHmac('sha256', this.environment.JWT_SECRET).update(signed).digest('base64url')}`;
  }

  async stats() {
    const answer = await fetch(`${this.origin}/api/stats`, { headers: { authorization: `Bearer ${this.token({ admin: true })}` } });
    if (!answer.ok) throw new Error(`/api/stats: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** The value of a metric, added up over its labels. */
  async metric(name) {
    const text = await (await fetch(`${this.origin}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (lines.length === 0) throw new Error(`/metrics has no ${name}`);
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** Transports, producers and consumers by /metrics. */
  async counts() {
    const names = ['transports', 'producers', 'consumers'];
    const values = await Promise.all(names.map((name) => this.metric(`mediasoup_${name}_total`)));
    return Object.fromEntries(names.map((name, n) => [name, values[n]]));
  }

  /** Waits until everything that a call needs is given back: by signaling's count, and by that of the shards, once a second. */
  async untilEmpty(limitMs = 20_000) {
    let counts;
    await until(
      () => `nothing is left of the call: ${JSON.stringify(counts)}`,
      async () => {
        const { rooms, participants, shards } = await this.stats();
        const inShards = shards.map(({ transports, tracks, subscriptions }) => transports + tracks + subscriptions);
        counts = { ...(await this.counts()), rooms, participants, inShards: inShards.reduce((a, b) => a + b, 0) };
        return Object.values(counts).every((count) => count === 0);
      },
      limitMs,
    );
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** The first of a few free UDP ports in a row. */
async function freeRtcPorts() {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + crypto.randomInt(1_100) * RTC_PORTS;
    const free = await Promise.all(Array.from({ length: RTC_PORTS }, (_, n) => isFreeUdp(first + n)));
    if (free.every(Boolean)) return first;
  }
  throw new Error('no free UDP ports in a row');
}

function isFreeUdp(port) {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4').once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
