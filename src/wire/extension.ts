export * from './extension-request.ts';
export * from './extension-response.ts';
export * from './extension-results.ts';
export * from './extension-rows.ts';
export {
  EXTENSION_VALUE,
  type ExtensionParameters,
  type ExtensionStatement,
  readParameters,
  readShape,
  readString,
} from './extension-value.ts';
export * from './statement-batch.ts';
