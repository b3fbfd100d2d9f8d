import process from 'node:process';
import { styleText } from 'node:util';

const terminal = process.stdout.isTTY === true;
let step = 0;

/** A numbered heading. */
export function heading(text: string): void {
  step++;
  process.stdout.write(`\n${style('bold', `${step}. ${text}`)}\n`);
}

export function say(text: string): void {
  process.stdout.write(`   ${text}\n`);
}

/** A progress line: rewritten in place on a terminal, else printed at most every two seconds. */
export class Progress {
  #printedAt = 0;

  show(text: string): void {
    const now = performance.now();
    if (terminal) process.stdout.write(`\r   ${text}\u001b[K`);
    else if (now - this.#printedAt > 2000) {
      this.#printedAt = now;
      say(text);
    }
  }

  end(text: string): void {
    if (terminal) process.stdout.write('\r\u001b[K');
    say(text);
  }
}

export function style(format: 'bold' | 'green' | 'red', text: string): string {
  return terminal ? styleText(format, text) : text;
}
