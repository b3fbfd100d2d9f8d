import { QuorateError } from '../base/index.ts';

/**
 * What a plain client declares of its code in the `vfs` text of its Open, as `volatile;q=DIGITS` with the 32 digits of its registration; '' = nothing.
 * C nodes ignore that text. Throws QuorateError SCHEMA_BAD_REQUEST: a mistake must not count as declaring nothing.
 */
export function openDeclaration(vfs: string): string {
  const field = vfs.split(';').find((each) => each.startsWith('q='));
  if (field === undefined) return '';
  const declaration = field.slice(2);
  if (/^[0-9a-f]{32}$/.test(declaration)) return declaration;
  throw new QuorateError(
    'SCHEMA_BAD_REQUEST',
    "the q= of an Open has the 32 digits of a declaration, as the answer to 'register' gives them",
  );
}
