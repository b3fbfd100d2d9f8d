// One copy of the service: a node of the cluster and an HTTP server in one process. Which release it is, its first argument says; the runner
// starts it, tells it to stop, and hears what happens to the schema.
import { once } from 'node:events';
import { createServer } from 'node:http';
import process from 'node:process';
import { startNode } from 'quorate';

const [version, dir, address, port, ...join] = process.argv.slice(2);
const { release, migrations, handlers } = await import(`./releases/${version}.mjs`);

/** @param {object} message */
const tell = (message) => process.connected && process.send?.(message);

// Ctrl-C reaches the whole group of processes: the runner decides when this one ends.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(1));
process.on('message', (message) => void (message === 'stop' ? stop() : handOver()));

const node = await startNode({
  dir,
  address,
  threads: process.env.EXAMPLE_THREADS !== '0',
  ...(join.length > 0 ? { join } : {}),
});
await node.ready({ timeoutMs: 30_000 });
const db = node.database('shop', {
  schema: {
    migrations,
    release,
    onEvent: ({ kind, name, error }) => tell({ kind, name, text: error?.message }),
  },
});
try {
  await db.schema?.ready();
} catch (error) {
  // An older release than the schema allows ends here, before it has served anybody.
  tell({ kind: 'turned away', text: `${error.code}: ${error.message}` });
  await node.close();
  process.exit(2);
}

const shop = handlers(db);
let stopping = false;

/** @type {Record<string, (id: number, body: any) => Promise<unknown>>} */
const routes = {
  'POST /users': (_, body) => shop.addUser(body),
  'GET /users/:id': (id) => shop.user(id),
  'POST /orders': (_, body) => shop.addOrder(body),
  'GET /users/:id/total': (id) => shop.total(id),
  'GET /schema': () => db.schema?.status(),
};

/** @param {import('node:http').IncomingMessage} request */
async function answer(request) {
  const [, id] = /\/(\d+)/.exec(request.url ?? '') ?? [];
  const route = routes[`${request.method} ${request.url?.replace(/\d+/, ':id')}`];
  if (route === undefined) return { status: 404, body: { error: 'no such route' } };
  let text = '';
  for await (const chunk of request) text += chunk;
  try {
    const body = await route(Number(id), text === '' ? undefined : JSON.parse(text));
    return { status: 200, body: body ?? null };
  } catch (error) {
    return { status: 500, body: { error: `${error.code}: ${error.message}` } };
  }
}

const server = createServer((request, response) => {
  void answer(request).then(({ status, body }) => {
    // Otherwise a connection that is kept open holds up the end.
    response.shouldKeepAlive = !stopping;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
});
// The first requests of a process are the slowest: it makes them itself before it takes some.
for (let i = 0; i < 10; i++) await Promise.all([shop.user(0), shop.total(0)]);
server.listen(Number(port), '127.0.0.1');
await once(server, 'listening');
tell({ kind: 'ready', id: String(node.id) });

/** As a deployment does it: nothing new comes in any more, what runs is finished, then the node leaves in order. */
async function stop() {
  await drain();
  await db.close();
  await node.close();
  process.exit(0);
}

async function drain() {
  stopping = true;
  server.close();
  server.closeIdleConnections();
  await once(server, 'close');
}

/** Before a machine is switched off in the example: its requests and the election of a leader are another story. */
async function handOver() {
  await drain();
  const leader = await node.cluster.leader();
  if (leader?.id === node.id) await node.cluster.transfer();
  tell({ kind: 'follows' });
}
