import { medianOf, medianRate, type Result, type Use } from './contest.ts';
import { rateOf } from './figures.ts';
import type { Row } from './rows.ts';

/** A row with what came of it. */
export interface Outcome {
  readonly row: Row;
  readonly results: readonly Result[];
  /** Who should have taken part and could not, with the reason. */
  readonly absent: readonly string[];
}

const COLUMNS = ['work', 'who', 'each s', 'spread', 'p50', 'p99', 'p99.9', 'busy'];
const USED = ['log bytes', 'disk bytes', 'disk writes', 'cpu us'];

/**
 * The table as Markdown: medians; spread is that of the rates; busy, bytes, disk writes and processor time are for each operation, of
 * all nodes together.
 */
export function tableOf(outcomes: readonly Outcome[]): string {
  const head = [...COLUMNS, ...USED, 'ratio', 'goal'];
  const lines = outcomes.flatMap(({ row, results, absent }) => {
    const [own] = results;
    const ran = results.map((result, i) => {
      const goal = row.goals.find(({ against }) => against === result.name)?.ratio;
      const ratio = own === undefined ? Number.NaN : medianRate(own) / medianRate(result);
      const rates = result.runs.map(({ figures }) => rateOf(figures));
      return [
        ...[i === 0 ? row.title : '', result.name, short(medianRate(result))],
        `${short(Math.min(...rates))}–${short(Math.max(...rates))}`,
        ...(['p50', 'p99', 'p999'] as const).map((at) =>
          time(medianOf(result, ({ figures }) => figures[at])),
        ),
        ...used(result),
        i === 0 ? '' : `${ratio.toPrecision(3)}×`,
        i === 0 ? rateGoal(row.rate, medianRate(result)) : ratioGoal(goal, ratio),
      ];
    });
    return [...ran, ...absent.map((reason, i) => [ran.length + i === 0 ? row.title : '', reason])];
  });
  return markdown(head, lines);
}

function ratioGoal(goal: number | undefined, ratio: number): string {
  return goal === undefined ? '' : `${ratio >= goal ? 'met' : 'missed'} (${goal}×)`;
}

function rateGoal(goal: number | undefined, rate: number): string {
  return goal === undefined ? '' : `${rate >= goal ? 'met' : 'missed'} (${short(goal)} each s)`;
}

/** A table of Markdown; short lines are filled up. */
export function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const full = lines.map((cells) => [
    ...cells,
    ...Array.from({ length: head.length - cells.length }, () => ''),
  ]);
  return [head, head.map(() => '---'), ...full]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function used(result: Result): string[] {
  const each = (figure: keyof Use): number =>
    medianOf(result, ({ use, figures }) => use[figure] / figures.operations);
  const busy = medianOf(result, ({ figures }) => figures.busy / figures.operations);
  return [
    ...[busy === 0 ? '' : short(busy), short(each('logBytes')), short(each('deviceBytes'))],
    ...[short(each('deviceWrites')), short(each('cpuSeconds') * 1e6)],
  ];
}

export function short(value: number): string {
  if (!Number.isFinite(value)) return '';
  return value >= 100
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(3)));
}

/** From microseconds. */
export function time(us: number): string {
  if (!Number.isFinite(us)) return '';
  return us >= 1_000 ? `${short(us / 1_000)} ms` : `${Math.round(us)} µs`;
}

/** The ratios to all peers as bars on a logarithmic scale; the goal is a line through its bar. */
export function chartOf(outcomes: readonly Outcome[]): string {
  const bars = outcomes.flatMap(({ row, results }) => {
    const [own, ...others] = results;
    if (own === undefined) return [];
    return others.map((other) => ({
      text: `${row.title} / ${other.name}`,
      ratio: medianRate(own) / medianRate(other),
      goal: row.goals.find(({ against }) => against === other.name)?.ratio ?? 0,
    }));
  });
  const height = 24;
  const left = 420;
  const scale = (ratio: number): number =>
    Math.max(0, Math.min(400, (Math.log10(Math.max(ratio, 0.01)) + 2) * 80));
  const lines = bars.map(({ text, ratio, goal }, i) => {
    const y = 30 + i * height;
    const mark =
      goal > 0
        ? `<line x1="${left + scale(goal)}" y1="${y - 4}" x2="${left + scale(goal)}" y2="${y + 14}" stroke="#c33"/>`
        : '';
    return `<text x="${left - 8}" y="${y + 10}" text-anchor="end">${escaped(text)}</text>
<rect x="${left}" y="${y}" width="${scale(ratio).toFixed(1)}" height="12" fill="#47a"/>
<text x="${left + scale(ratio) + 6}" y="${y + 10}">${ratio.toPrecision(3)}×</text>${mark}`;
  });
  const one = left + scale(1);
  const bottom = 40 + bars.length * height;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="${bottom}" font-family="sans-serif" font-size="11">
<text x="${left}" y="16">rate of Quorate / rate of the peer, logarithmic; red: the goal</text>
<line x1="${one}" y1="22" x2="${one}" y2="${bottom - 8}" stroke="#999"/>
${lines.join('\n')}
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
