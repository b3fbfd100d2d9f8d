export * from './blank.ts';
export * from './canonical-schema.ts';
export * from './format-table.ts';
export * from './quote.ts';
export * from './statements.ts';
export * from './template.ts';
export * from './text-width.ts';
export * from './tokenizer.ts';
