// Starts run.mjs in a network namespace of its own: node measure.mjs '{"only":["corelay"],"rounds":1,"report":"DIR","commit":"..."}'
import path from 'node:path';
import { runInNamespace } from '../harness/namespace.mjs';

process.exit(await runInNamespace(path.join(import.meta.dirname, 'run.mjs'), process.argv.slice(2)));
