import type { Command } from './command.ts';

/** Help text of the whole program. */
export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    'Quorate: SQLite, replicated inside your process.',
    '',
    'usage: quorate COMMAND [options]',
    '',
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    'quorate COMMAND --help tells more. quorate --version prints the version.',
    '',
  ].join('\n');
}

/** Help text of one command. */
export function commandHelp(command: Command): string {
  const rows = Object.entries(command.options).map(([name, option]) => {
    const short = option.short === undefined ? '    ' : `-${option.short}, `;
    return [
      `  ${short}--${name}${option.value === undefined ? '' : ` ${option.value}`}`,
      option.help,
    ];
  });
  rows.push(['  -h, --help', 'show this text']);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `usage: ${command.usage}`,
    '',
    command.description ?? command.summary,
    '',
    'options:',
    ...rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`),
    ...(command.examples === undefined
      ? []
      : ['', 'examples:', ...command.examples.map((e) => `  ${e}`)]),
    '',
  ].join('\n');
}
