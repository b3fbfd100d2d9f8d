import { isComplete } from '../sql/index.ts';
import { folderError } from './folder-text.ts';

const MARKER = /^\s*--\s*\+goose\s+(.*?)\s*$/i;

/** Whether a text is a migration of goose. */
export function isGoose(text: string): boolean {
  return /^\s*--\s*\+goose\s+up\s*$/im.test(text);
}

/** The two ways of a file of goose. */
export interface GooseParts {
  readonly up: string;
  readonly down: string | undefined;
}

/** Cuts a file at goose's markers. Throws MIGRATION_FOLDER. */
export function gooseParts(source: string, text: string): GooseParts {
  const reader = new GooseReader(source);
  for (const line of text.split('\n')) reader.line(line);
  return reader.end();
}

class GooseReader {
  readonly #source: string;
  readonly #parts = new Map<'up' | 'down', string[]>();
  #part: 'up' | 'down' | undefined;
  /** Lines of the statement between StatementBegin and StatementEnd. */
  #statement: string[] | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  line(line: string): void {
    const marker = MARKER.exec(line)?.[1]?.toLowerCase().replaceAll(/\s+/g, ' ');
    if (marker !== undefined) this.#marker(marker);
    else if (this.#statement !== undefined) this.#statement.push(line);
    else if (this.#part !== undefined) this.#lines(this.#part).push(line);
    else if (!/^\s*(--.*)?$/.test(line)) throw this.#bad("begins before '-- +goose Up'; move it");
  }

  end(): GooseParts {
    if (this.#statement !== undefined) throw this.#bad("'StatementBegin' lacks its 'StatementEnd'");
    const up = this.#parts.get('up');
    if (up === undefined) throw this.#bad("lacks the line '-- +goose Up'");
    return {
      up: textOf(up),
      down: this.#parts.has('down') ? textOf(this.#lines('down')) : undefined,
    };
  }

  #marker(marker: string): void {
    switch (marker) {
      case 'up':
      case 'down':
        if (this.#parts.has(marker)) throw this.#bad(`has '+goose ${marker}' twice`);
        if (this.#statement !== undefined)
          throw this.#bad("'StatementBegin' lacks its 'StatementEnd'");
        this.#part = marker;
        this.#parts.set(marker, []);
        return;
      case 'statementbegin':
        if (this.#part === undefined || this.#statement !== undefined)
          throw this.#bad("'StatementBegin' stands at a wrong place");
        this.#statement = [];
        return;
      case 'statementend':
        this.#endStatement();
        return;
      // All of a migration runs in one transaction here; what cannot is refused when it is applied.
      case 'no transaction':
      case 'envsub off':
        return;
      default:
        throw this.#bad(`the marker '+goose ${marker}' cannot be honoured; take it out`);
    }
  }

  /** What stands between the two markers is one statement even without its semicolon. */
  #endStatement(): void {
    if (this.#part === undefined || this.#statement === undefined)
      throw this.#bad("'StatementEnd' lacks its 'StatementBegin'");
    const lines = this.#lines(this.#part);
    lines.push(...this.#statement);
    if (!isComplete(this.#statement.join('\n'))) lines.push(';');
    this.#statement = undefined;
  }

  #lines(part: 'up' | 'down'): string[] {
    return this.#parts.get(part) ?? [];
  }

  #bad(what: string) {
    return folderError(this.#source, what);
  }
}

function textOf(lines: readonly string[]): string {
  const text = lines.join('\n').trim();
  return text === '' ? '' : `${text}\n`;
}
