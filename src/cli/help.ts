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

/** Help text of one command, or of a group of commands. */
export function commandHelp(command: Command): string {
  if (command.subcommands !== undefined) return groupHelp(command, command.subcommands);
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

function groupHelp(group: Command, commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    `usage: ${group.usage}`,
    '',
    group.description ?? group.summary,
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    `quorate ${group.name} ACTION --help tells more.`,
    ...(group.examples === undefined
      ? []
      : ['', 'examples:', ...group.examples.map((e) => `  ${e}`)]),
    '',
  ].join('\n');
}
