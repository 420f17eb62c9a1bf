/** Samples the statistics of everything that a session sends and receives. Each reader has its own "sample before" for its rates. */
import { readSample, type Sample, type TrackStats } from './stats.ts';
import type { Session } from './session.ts';
import type { Source } from './protocol.ts';

export interface TrackReport {
  participantId: string;
  producerId: string;
  consumerId: string | undefined;
  source: Source;
  stats: TrackStats;
}

interface Subject extends Omit<TrackReport, 'stats'> {
  getStats(): Promise<RTCStatsReport>;
}

export class StatsReader {
  readonly #before = new Map<string, Sample>();

  async read(session: Session | undefined): Promise<TrackReport[]> {
    if (session === undefined) return [];
    const subjects = subjectsOf(session);
    const reports = await Promise.all(subjects.map((subject) => this.#readOne(subject)));
    const alive = new Set(subjects.map(keyOf));
    for (const key of this.#before.keys()) if (!alive.has(key)) this.#before.delete(key);
    return reports.filter((report) => report !== undefined);
  }

  async #readOne(subject: Subject): Promise<TrackReport | undefined> {
    // A track may end between the list and the question.
    const report = await subject.getStats().catch(() => undefined);
    if (report === undefined) return undefined;
    const key = keyOf(subject);
    const sample = readSample(report.values(), this.#before.get(key));
    if (sample === undefined) return undefined;
    this.#before.set(key, sample);
    const { participantId, producerId, consumerId, source } = subject;
    return { participantId, producerId, consumerId, source, stats: sample.stats };
  }
}

function subjectsOf(session: Session): Subject[] {
  const subjects: Subject[] = [];
  for (const [source, producer] of session.publisher.producers) {
    const { participantId } = session.self;
    subjects.push({ participantId, producerId: producer.id, consumerId: undefined, source, getStats: () => producer.getStats() });
  }
  for (const consumer of session.receiver.consumers.values()) {
    const { participantId, source } = consumer.appData as { participantId: string; source: Source };
    subjects.push({ participantId, producerId: consumer.producerId, consumerId: consumer.id, source, getStats: () => consumer.getStats() });
  }
  return subjects;
}

function keyOf(subject: Subject): string {
  return subject.consumerId ?? subject.producerId;
}
