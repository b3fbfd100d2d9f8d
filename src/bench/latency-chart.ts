import type { Figures } from './figures.ts';

/** One line of the chart. */
export interface LatencyLine {
  readonly text: string;
  readonly figures: Figures;
}

const WIDTH = 640;
const PANEL = 260;
const LEFT = 60;
const COLORS = ['#47a', '#c63', '#393', '#a3a'];
/** Shares that are marked: equal steps are factors of ten towards all operations. */
const MARKS = [0.5, 0.9, 0.99, 0.999, 0.9999];
const US_MIN = 10;
const US_MAX = 10_000_000;

/** Latency over the share of operations answered within it, both logarithmic; a panel for each row. */
export function latencyChart(
  panels: readonly (readonly [string, readonly LatencyLine[]])[],
): string {
  const drawn = panels.map(([title, lines], i) => panel(title, lines, i * PANEL));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH + LEFT + 40}" height="${panels.length * PANEL}" font-family="sans-serif" font-size="11">
${drawn.join('\n')}
</svg>
`;
}

function x(share: number): number {
  const nines = Math.min(4.2, -Math.log10(Math.max(1 - share, 1e-9)));
  return LEFT + (nines / 4.2) * WIDTH;
}

function y(us: number): number {
  const part = Math.log10(Math.min(US_MAX, Math.max(US_MIN, us)) / US_MIN);
  return PANEL - 30 - (part / Math.log10(US_MAX / US_MIN)) * (PANEL - 70);
}

function panel(title: string, lines: readonly LatencyLine[], top: number): string {
  const marks = MARKS.map(
    (share) =>
      `<line x1="${x(share).toFixed(1)}" y1="${y(US_MAX)}" x2="${x(share).toFixed(1)}" y2="${y(US_MIN)}" stroke="#ddd"/><text x="${x(share).toFixed(1)}" y="${PANEL - 14}" text-anchor="middle">${share * 100} %</text>`,
  );
  const levels = [10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000].map(
    (us) =>
      `<line x1="${LEFT}" y1="${y(us).toFixed(1)}" x2="${LEFT + WIDTH}" y2="${y(us).toFixed(1)}" stroke="#eee"/><text x="${LEFT - 4}" y="${(y(us) + 4).toFixed(1)}" text-anchor="end">${us / 1_000} ms</text>`,
  );
  const curves = lines.map(({ text, figures }, i) => {
    const color = COLORS[i % COLORS.length];
    const points = (figures.distribution ?? [])
      .filter(([us]) => us > 0)
      .map(([us, share]) => `${x(share).toFixed(1)},${y(us).toFixed(1)}`);
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${color}"/><text x="${LEFT + 8}" y="${34 + i * 14}" fill="${color}">${text}</text>`;
  });
  return `<g transform="translate(0 ${top})"><text x="${LEFT}" y="14">${title}</text>
${[...marks, ...levels, ...curves].join('\n')}</g>`;
}
