/** One measured curve: the same quantity at growing times. */
export interface Curve {
  readonly name: string;
  readonly points: readonly { readonly seconds: number; readonly value: number }[];
  /** Growth that counts as flat: this share of the curve's height, or this much, whichever is more. */
  readonly share: number;
  readonly amount: number;
}

/** What the slope test says about a curve. */
export interface FlatnessVerdict {
  readonly name: string;
  /** Median of the first and the last third of what was looked at. */
  readonly first: number;
  readonly last: number;
  readonly maximum: number;
  /** Growth over the time looked at, by the median of all slopes between windows. */
  readonly growth: number;
  readonly tolerance: number;
  /** Share of all pairs of windows of which the later one is higher; 0.5 is a curve without a direction. */
  readonly rising: number;
  readonly flat: boolean;
}

/** Windows into which the time after warm-up is divided. */
const WINDOWS = 12;
/** So many pairs must rise before growth counts as a direction and not as a step or as noise. */
const RISING = 0.7;

/**
 * Decides whether a curve is flat after `warmUpSeconds`. Of each window the lowest value counts, so that the teeth of a garbage
 * collector do not; the slope is the median of the slopes between all pairs of windows (Theil and Sen), so that no single
 * window decides. A curve rises when this slope, over the whole time, exceeds the tolerance and most pairs agree.
 */
export function judgeFlatness(curve: Curve, warmUpSeconds: number): FlatnessVerdict {
  const points = curve.points.filter(({ seconds }) => seconds >= warmUpSeconds);
  const floors = windowFloors(points);
  const slopes: number[] = [];
  let rises = 0;
  floors.forEach((a, at) => {
    for (const b of floors.slice(at + 1)) {
      slopes.push((b.value - a.value) / (b.seconds - a.seconds));
      if (b.value > a.value) rises++;
    }
  });
  const duration = (points.at(-1)?.seconds ?? 0) - (points[0]?.seconds ?? 0);
  const growth = median(slopes) * duration;
  const rising = slopes.length === 0 ? 0 : rises / slopes.length;
  const values = floors.map(({ value }) => value);
  const tolerance = Math.max(curve.share * median(values), curve.amount);
  const third = Math.ceil(values.length / 3);
  return {
    name: curve.name,
    first: median(values.slice(0, third)),
    last: median(values.slice(-third)),
    maximum: points.reduce((high, { value }) => Math.max(high, value), 0),
    growth,
    tolerance,
    rising,
    flat: growth <= tolerance || rising < RISING,
  };
}

/** The lowest point of each window. */
function windowFloors(points: Curve['points']): { seconds: number; value: number }[] {
  const length = points.length / WINDOWS;
  const floors: { seconds: number; value: number }[] = [];
  for (let window = 0; window < WINDOWS; window++) {
    const part = points.slice(Math.floor(window * length), Math.floor((window + 1) * length));
    const middle = part[Math.floor(part.length / 2)];
    if (middle === undefined) continue;
    const value = part.reduce((low, each) => Math.min(low, each.value), Number.POSITIVE_INFINITY);
    floors.push({ seconds: middle.seconds, value });
  }
  return floors;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[middle]];
  return (low + high) / 2;
}
