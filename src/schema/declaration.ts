import { digestOf } from './manifest.ts';

/**
 * What a session says of the code that it serves: which manifest of which namespace. It travels as 32 hexadecimal digits (the first
 * half of a SHA-256), and the database knows the rest from the registration.
 */
export interface Declaration {
  readonly id: string;
  /** Namespace → digest of the manifest. */
  readonly manifests: Readonly<Record<string, string>>;
}

/** Digits of the identification of a declaration. */
export const DECLARATION_DIGITS = 32;

/** A session that says nothing. */
export const UNDECLARED = '';

export function declarationOf(manifests: Readonly<Record<string, string>>): Declaration {
  const sorted = Object.fromEntries(Object.entries(manifests).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { id: digestOf(JSON.stringify(sorted)).slice(0, DECLARATION_DIGITS), manifests: sorted };
}

/**
 * A session of a tool that looks at any schema and is no code of any release: it may read under every policy, so that operators see what is going on
 * when nobody else may. Nobody registers it.
 */
export const OPERATOR = declarationOf({}).id;

/** Whether a session says nothing of any code. */
export function saysNothing(declaration: string): boolean {
  return declaration === UNDECLARED || declaration === OPERATOR;
}

/** Whether a text can be the identification of a declaration. */
export function isDeclarationId(text: string): boolean {
  return text.length === DECLARATION_DIGITS && /^[0-9a-f]+$/.test(text);
}
