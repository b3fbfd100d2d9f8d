import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Transcript } from './testing/transcript.ts';

// Each file is a conversation with a small cluster: a command, `----`, what it caused, an empty line.
// REWRITE=1 writes the answers anew; commit such a change only when every difference is understood.
const DIRECTORY = join(import.meta.dirname, 'testdata');

for (const name of readdirSync(DIRECTORY).filter((file) => file.endsWith('.txt'))) {
  test(name, () => {
    const path = join(DIRECTORY, name);
    const text = readFileSync(path, 'utf8');
    const answered = answer(text);
    if (process.env.REWRITE) writeFileSync(path, answered);
    else expect(answered).toBe(text);
  });
}

function answer(text: string): string {
  const transcript = new Transcript();
  const lines = text.split('\n');
  const out: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    out.push(lines[i]);
    if (lines[i] === '' || lines[i].startsWith('#')) continue;
    const result = transcript.run(lines[i]);
    // A command without its answer yet is allowed while writing.
    if (lines[i + 1] === '----') {
      for (i++; lines[i + 1] !== undefined && lines[i + 1] !== ''; i++);
    }
    out.push('----', ...result.split('\n'));
    if (lines[i + 1] !== '') out.push('');
  }
  return out.join('\n');
}
