/** What one run of a load showed; latencies in microseconds. */
export interface Figures {
  readonly operations: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Refusals that were sent again at once. */
  readonly busy: number;
  readonly failures: number;
  /** Latencies up to which a share of the operations was answered, rising: [microseconds, share]. */
  readonly distribution?: readonly (readonly [number, number])[];
}

/** Operations each second. */
export function rateOf({ operations, seconds }: Figures): number {
  return seconds > 0 ? operations / seconds : 0;
}

/** Of numbers in any order; the mean of the two in the middle of an even count. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Figures that another program printed as JSON. Throws when it is something else. */
export function parseFigures(text: string): Figures {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error(`no figures: ${text}`);
  const fields = new Map<string, unknown>(Object.entries(value));
  const number = (name: string): number => {
    const field = fields.get(name);
    if (typeof field !== 'number') throw new Error(`no ${name} in ${text}`);
    return field;
  };
  return {
    ...{ operations: number('operations'), seconds: number('seconds') },
    ...{ p50: number('p50'), p90: number('p90'), p99: number('p99'), p999: number('p999') },
    ...{ max: number('max'), busy: number('busy'), failures: number('failures') },
    ...distributionOf(fields.get('distribution')),
  };
}

function distributionOf(value: unknown): Pick<Figures, 'distribution'> {
  if (!Array.isArray(value)) return {};
  const distribution = value.map((point: unknown): [number, number] => {
    const [us, share] = Array.isArray(point) ? point : [];
    return [Number(us), Number(share)];
  });
  return { distribution };
}
