import type { AnswerSink, NodeRequest, NodeServices } from '../node/index.ts';

/** Answers that do not say what the database holds: the request was not carried out, or nobody knows. */
const SAYS_SOMETHING: ReadonlySet<string> = new Set(['SQLITE_CONSTRAINT', 'SQLITE_ERROR']);

/** What is told when a linearizable request outside a transaction arrives; what it returns, when the answer leaves. */
export type Arrival = () => () => void;

/** The services of a node, with an eye on when requests arrive and their answers leave. */
export function watchedServices(node: NodeServices, arrives: Arrival): NodeServices {
  return {
    status: () => node.status(),
    leaderHint: () => node.leaderHint(),
    isLeader: () => node.isLeader(),
    openSession: (options) => node.openSession(options),
    execute: (request, sink) => node.execute(request, watchedSink(request, sink, arrives)),
    readIndex: (timeoutMs) => node.readIndex(timeoutMs),
    add: (id, address) => node.add(id, address),
    assign: (id, role) => node.assign(id, role),
    remove: (id) => node.remove(id),
    transfer: (to) => node.transfer(to),
    image: (database) => node.image(database),
    get failureDomain() {
      return node.failureDomain;
    },
    set failureDomain(value) {
      node.failureDomain = value;
    },
    get weight() {
      return node.weight;
    },
    set weight(value) {
      node.weight = value;
    },
    on: (listener) => node.on(listener),
  };
}

function watchedSink(request: NodeRequest, sink: AnswerSink, arrives: Arrival): AnswerSink {
  if (request.consistency !== 'linearizable' || request.work.action === 'describe') return sink;
  const leaves = arrives();
  return {
    rows: (batch) => sink.rows(batch),
    end: (result) => {
      const says = result.kind !== 'failed' || SAYS_SOMETHING.has(result.failure.code);
      if (says) leaves();
      sink.end(result);
    },
  };
}
