/** What a terminal or a log obeys instead of showing it: C0, DEL, C1, separators and direction marks. */
const CONTROL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text of somebody else made fit for one line of a terminal or a log: control characters are escaped. */
export function printable(text: string): string {
  return text.replace(CONTROL, escapeControl);
}

function escapeControl(char: string): string {
  const code = char.charCodeAt(0);
  if (code < 256) return SHORT_ESCAPES[char] ?? `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
