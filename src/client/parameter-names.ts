/** Everything in a statement in which a placeholder is no placeholder, then the placeholders. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\p{L}_][\p{L}\p{N}_$]*|(\?\d*|[:@$][\p{L}\p{N}_$]+)/gu;

/**
 * Names of the placeholders by position, prefix included; undefined for `?` and for gaps. SQLite numbers
 * them so: `?` takes the number after the greatest so far, a new name likewise, a known name its own.
 */
export function parameterNames(sql: string): (string | undefined)[] {
  const names: (string | undefined)[] = [];
  for (const [, placeholder] of sql.matchAll(TOKEN)) {
    if (placeholder === undefined) continue;
    if (placeholder === '?') names.push(undefined);
    else if (placeholder[0] === '?') {
      const position = Number(placeholder.slice(1)) - 1;
      while (names.length <= position) names.push(undefined);
      names[position] ??= placeholder;
    } else if (!names.includes(placeholder)) names.push(placeholder);
  }
  return names;
}
