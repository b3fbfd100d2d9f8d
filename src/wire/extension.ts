export * from './extension-request.ts';
export * from './extension-response.ts';
export * from './extension-rows.ts';
export {
  EXTENSION_VALUE,
  type ExtensionParameters,
} from './extension-value.ts';
