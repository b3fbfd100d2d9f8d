export { ClientSession, type Expectation } from './client-session.ts';
export type { SessionContext, SessionOutput } from './context.ts';
export { Server, type ServerOptions } from './server.ts';
