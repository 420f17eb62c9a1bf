// What a participant costs the server in memory: resident size before, during and after calls of synthetic participants, by the load
// generator, which opens and checks everything that arrives. Prints the figures of the README's table.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Server } from './harness/server.mjs';

const IDLE_PARTICIPANTS = 100;
/** More than twice what was measured, 73 and about 600 KiB: the bound catches a leak or a careless table, not a page more. */
const IDLE_KIB_MAX = 200;
const CALL_KIB_MAX = 1_500;
/** What the generator exits with when its own sends were late. Memory does not mind; the generator gives no result all the same. */
const GENERATOR_WAS_LATE = 4;
const TRIES = 3;

async function load(server, ...parameters) {
  const generator = process.env.CORELAY_LOADGEN;
  if (!generator) throw new Error('CORELAY_LOADGEN must be the path of corelay-loadgen; `cargo xtask test --only browser` sets it');
  const url = `${server.origin.replace('http', 'ws')}/ws`;
  const environment = { ...process.env, JWT_SECRET: server.environment.JWT_SECRET };
  const { stdout } = await promisify(execFile)(generator, ['--json', '--url', url, '--server-pid', `${server.pid}`, ...parameters], { env: environment, timeout: 100_000 });
  return JSON.parse(stdout);
}

async function measured(label, bound, parameters) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await measuredOnce(label, bound, parameters);
    } catch (error) {
      if (error.code !== GENERATOR_WAS_LATE || tries === TRIES) throw error;
    }
  }
}

async function measuredOnce(label, bound, parameters) {
  const server = await Server.start();
  try {
    const report = await load(server, ...parameters);
    const { before, during, after, per_participant: each } = report.memory;
    console.log(`# ${label}: ${each} KiB RSS each (server ${before} KiB before, ${during} during, ${after} after); ${report.received.packets} packets received, ${report.received.lost} lost`);
    assert.equal(report.streams_started, report.streams_expected);
    assert.equal(report.received.corrupt, 0);
    assert.ok(each < bound, `${each} KiB a participant`);
    await server.untilEmpty();
  } finally {
    await server.stop();
  }
}

test('memory of idle participants', { timeout: 240_000 }, () =>
  measured('idle participant', IDLE_KIB_MAX, ['--participants', `${IDLE_PARTICIPANTS}`, '--idle', '--seconds', '2']));

test('memory in a call of ten', { timeout: 240_000 }, () => measured('participant of ten, all publishing', CALL_KIB_MAX, ['--participants', '10', '--seconds', '10']));
