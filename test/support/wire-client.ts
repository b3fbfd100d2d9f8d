import {
  type ClientRequest,
  type ClientResponse,
  decodeClientResponse,
  encodeClientRequest,
} from '../../src/wire/index.ts';
import { RawClient } from './raw-client.ts';
import { HELLO_WORD } from './session-harness.ts';

/** Longer than any test waits. */
export const ENDLESS =
  'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';

/** A plain dqlite client over a socket, one request at a time unless `send` is used. */
export class WireClient {
  readonly raw: RawClient;

  private constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** Shakes hands and opens a database; '' opens none. */
  static async connect(address: string, database = 'db'): Promise<WireClient> {
    const raw = await RawClient.connect(address);
    raw.send(HELLO_WORD);
    const client = new WireClient(raw);
    if (database === '') return client;
    const opened = await client.ask({ type: 'open', name: database, flags: 0n, vfs: 'volatile' });
    if (opened.type !== 'db') throw new Error(JSON.stringify(opened));
    return client;
  }

  send(request: ClientRequest): void {
    this.raw.send(encodeClientRequest(request));
  }
  sendQuery(sql: string): void {
    this.send({ type: 'query-sql', schema: 0, db: 0n, sql, parameters: [] });
  }
  async next(): Promise<ClientResponse> {
    const message = await this.raw.next();
    if (message === undefined) throw new Error('closed');
    return decodeClientResponse(message.type, message.schema, message.body);
  }
  ask(request: ClientRequest): Promise<ClientResponse> {
    this.send(request);
    return this.next();
  }
  exec(sql: string): Promise<ClientResponse> {
    return this.ask({ type: 'exec-sql', schema: 0, db: 0n, sql, parameters: [] });
  }
  query(sql: string): Promise<ClientResponse> {
    this.sendQuery(sql);
    return this.next();
  }
}
