// Runs the script of the network against each server, in a network of its own; `cargo xtask quality` starts it by measure.mjs.
//
//   publisher (Chromium) --- server --- link: delay, loss, bottleneck --- viewer (Chromium)
//            beside the server                                    in another namespace
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Chromium } from '../harness/chromium.mjs';
import { Link, NEAR_ADDRESS } from '../harness/link.mjs';
import { writeMedia } from '../harness/media.mjs';
import { sleep, until } from '../harness/time.mjs';
import { figuresOf } from './figures.mjs';
import { available } from './peers.mjs';
import { summary, writeDocs, writeReport } from './report.mjs';
import { CAMERA, JOINS, PHASES, QUEUE_MS, SETTLE_MS } from './script.mjs';
import { openSite } from './site.mjs';

// What was started is ended on the way out.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const settings = JSON.parse(process.argv[2]);
const SENDER = 1;

const peers = await available(settings.only);
if (peers.length === 0) throw new Error('there is no server to measure');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'corelay-quality-'));
const link = await Link.open();
const site = await openSite();
const browsers = [];
const runs = [];
let failures = 0;
try {
  const media = writeMedia(directory, SENDER, { size: CAMERA });
  browsers.push(await Chromium.launch({ media, args: ['--allow-loopback-in-peer-connection'] }));
  // Without a camera a browser hides its address behind a name that no server here could resolve; without TLS it hides what it is.
  const far = ['--disable-features=WebRtcHideLocalIpsWithMdns', `--unsafely-treat-insecure-origin-as-secure=${site.origin(NEAR_ADDRESS)}`];
  browsers.push(await Chromium.launch({ link, args: far }));
  for (let round = 1; round <= settings.rounds; round++) {
    for (const peer of peers) {
      // One server that fails is no reason to lose what the others gave.
      await measure(peer, round).then((run) => runs.push(run), (error) => {
        failures++;
        console.error(error.message);
      });
    }
  }
} finally {
  await Promise.allSettled(browsers.map((browser) => browser.close()));
  site.close();
  fs.rmSync(directory, { recursive: true, force: true });
}
// Packets that passed, were lost, found the queue full, and were handed over late.
const passed = await link.close();
console.log(passed);
if (runs.length > 0) finish(runs);
process.exit(failures > 0 ? 1 : 0);

/** One call through one server. */
async function measure(peer, round) {
  link.set({ rate: 0, loss: 0, delay: 0, queue: QUEUE_MS });
  const server = await peer.start(NEAR_ADDRESS, ['127.0.0.1', NEAR_ADDRESS].map(site.origin));
  const [publisher, viewer] = await Promise.all(browsers.map((browser) => browser.tab()));
  const work = processorTimes();
  try {
    await publisher.visit(`${site.origin('127.0.0.1')}/`);
    await ready(publisher);
    const found = await publisher.evaluate(([name, address, camera]) => window.quality.publish(name, address, camera), [peer.name, server.address('publisher'), CAMERA]);
    await sleep(SETTLE_MS);
    const address = (who) => ({ ...server.address(who), ...found });
    const joins = [await view(viewer, peer, address('viewer'))];
    await sleep(SETTLE_MS);
    for (let n = 0; n < JOINS; n++) joins.push(await join(peer, address(`joiner-${n}`)));
    const bounds = await play();
    const measured = { publisher: await publisher.evaluate(() => window.quality.close()), viewer: await viewer.evaluate(() => window.quality.close()) };
    const run = { server: peer.name, version: server.version, browser: `Chromium ${browsers[0].version}`, round, joins, began: bounds[0].from, bounds, phases: judge(measured, bounds), busy: busySince(work), ...measured };
    console.log(summary(run));
    return run;
  } catch (error) {
    throw new Error(`${peer.name}, round ${round}: ${error.message}\n${[...publisher.problems, ...viewer.problems].slice(-5).join('\n')}\n${server.log().slice(-2_000)}`, { cause: error });
  } finally {
    await Promise.allSettled([publisher.close(), viewer.close()]);
    await server.stop();
  }
}

function ready(tab) {
  return until('the page', () => tab.evaluate(() => Boolean(window.quality)));
}

async function view(tab, peer, address) {
  await tab.visit(`${site.origin(NEAR_ADDRESS)}/`);
  await ready(tab);
  return tab.evaluate(([name, where]) => window.quality.view(name, where), [peer.name, address]);
}

/** Somebody else joins, and leaves. */
async function join(peer, address) {
  const tab = await browsers[1].tab();
  try {
    return await view(tab, peer, address);
  } finally {
    await tab.evaluate(() => window.quality.close()).catch(() => {});
    await tab.close();
  }
}

/** Plays the script; when each phase was. */
async function play() {
  const bounds = [];
  for (const { name, seconds, link: knobs } of PHASES) {
    const from = Date.now();
    link.set(knobs);
    await sleep(seconds * 1_000);
    bounds.push({ name, from, to: Date.now() });
  }
  return bounds;
}

function judge(measured, bounds) {
  const phases = {};
  for (const { name, from, to } of bounds.filter((bound) => PHASES.find((phase) => phase.name === bound.name).title)) {
    // After a narrow link, settled is the size that was there before.
    const before = name === 'back' ? Number(Object.keys(phases.wide?.widths ?? {}).sort((a, b) => b - a)[0]) : undefined;
    phases[name] = figuresOf({ ...measured, from, to, before });
  }
  return phases;
}

function finish() {
  const first = runs[0].began;
  const phases = PHASES.map((phase, n) => ({ ...phase, from: runs[0].bounds[n].from - first, to: runs[0].bounds[n].to - first }));
  const versions = Object.fromEntries(runs.map(({ server, version }) => [server, version]));
  const report = {
    at: new Date().toISOString().slice(0, 16).replace('T', ' '), commit: settings.commit, machine: `${os.cpus().length} processors, ${os.cpus()[0].model}, Linux ${os.release()}`,
    browser: runs[0].browser, link: passed, versions, camera: CAMERA, phases, runs,
  };
  writeReport(settings.report, report);
  if (settings.docs) writeDocs(settings.docs, report);
}

/** Ticks that all processors worked, and all that there were. */
function processorTimes() {
  const times = os.cpus().map(({ times: one }) => one);
  const sum = (of) => times.reduce((total, one) => total + of(one), 0);
  return { idle: sum(({ idle }) => idle), all: sum((one) => Object.values(one).reduce((a, b) => a + b)) };
}

function busySince(before) {
  const now = processorTimes();
  return 1 - (now.idle - before.idle) / Math.max(1, now.all - before.all);
}
