import { median } from './figures.ts';
import { markdown, short } from './report.ts';
import type { Stage } from './stage.ts';

/** How large probes are. */
export interface Scale {
  /** Length of one load. */
  readonly seconds: number;
  /** Size of the largest database; smaller steps are a tenth and a hundredth of it. */
  readonly megabytes: number;
  /** How long the long query is to take. */
  readonly querySeconds: number;
}

/** One who is probed. */
export interface Subject {
  readonly name: string;
  measure(): Promise<Sample>;
}

export interface Sample {
  readonly value: number;
  /** What else is worth knowing of this sample. */
  readonly note?: string;
}

/** Something of which less is better and that is no rate. */
export interface Probe {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  /** At most so much; of a peer's value when one is named. */
  readonly goal?: { readonly atMost: number; readonly of?: string };
  readonly quick: boolean;
  /** Too long or too lasting to be repeated. */
  readonly once?: boolean;
  readonly who: readonly string[];
  subjects(stage: Stage, scale: Scale): Promise<Subject[]>;
}

export interface Finding {
  readonly probe: Probe;
  readonly results: readonly { readonly name: string; readonly samples: readonly Sample[] }[];
  /** Who could not be probed, with the reason. */
  readonly absent: readonly string[];
}

/** All in turn, like the contests. A subject that fails is told as absent, and the others go on. */
export async function probed(
  probe: Probe,
  stage: Stage,
  scale: Scale,
  rounds: number,
  told: (name: string, sample: Sample) => void,
): Promise<Finding> {
  const samples = new Map<string, Sample[]>();
  const failed = new Map<string, string>();
  const subjects = await probe.subjects(stage, scale).catch((error: unknown) => {
    for (const name of probe.who) failed.set(name, `failed: ${String(error)}`);
    return [];
  });
  for (let round = 0; round < (probe.once === true ? 1 : rounds); round++) {
    for (const { name, measure } of subjects) {
      if (failed.has(name)) continue;
      try {
        const sample = await measure();
        told(name, sample);
        samples.set(name, [...(samples.get(name) ?? []), sample]);
      } catch (error) {
        failed.set(name, `failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  const absent = probe.who
    .filter((name) => failed.has(name) || !samples.has(name))
    .map((name) => `${name}: not run: ${failed.get(name) ?? stage.whyAbsent(name)}`);
  const results = [...samples].map(([name, of]) => ({ name, samples: of }));
  return { probe, results, absent };
}

/** Medians and spread of the probes, as Markdown. */
export function findingsTable(findings: readonly Finding[]): string {
  const head = ['what', 'who', 'median', 'spread', 'of', 'unit', 'goal', 'note of the last'];
  const lines = findings.flatMap(({ probe, results, absent }) => {
    const ran = results.map(({ name, samples }, i) => {
      const values = samples.map(({ value }) => value);
      return [
        ...[i === 0 ? probe.title : '', name, short(median(values))],
        `${short(Math.min(...values))}–${short(Math.max(...values))}`,
        ...[String(values.length), probe.unit, i === 0 ? verdict(probe, results) : ''],
        samples.at(-1)?.note ?? '',
      ];
    });
    return [
      ...ran,
      ...absent.map((reason, i) => [ran.length + i === 0 ? probe.title : '', reason]),
    ];
  });
  return markdown(head, lines);
}

function verdict({ goal }: Probe, results: Finding['results']): string {
  if (goal === undefined) return '';
  const valueAt = (name: string): number =>
    median(results.find((result) => result.name === name)?.samples.map(({ value }) => value) ?? []);
  const bound = goal.of === undefined ? goal.atMost : goal.atMost * valueAt(goal.of);
  const own = valueAt('quorate');
  if (Number.isNaN(bound) || Number.isNaN(own)) return '';
  const text = goal.of === undefined ? `≤ ${goal.atMost}` : `≤ ${goal.atMost}× ${goal.of}`;
  return `${own <= bound ? 'met' : 'missed'} (${text})`;
}
