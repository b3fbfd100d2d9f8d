export type EdgeKind = 'ww' | 'wr' | 'rw' | 'realtime';

export interface Edge {
  readonly to: number;
  readonly kind: EdgeKind;
}

/** Who must come before whom, and why. */
export class DependencyGraph {
  readonly #edges: Edge[][];

  constructor(size: number) {
    this.#edges = Array.from({ length: size }, () => []);
  }

  add(from: number, to: number, kind: EdgeKind): void {
    if (from === to) return;
    const edges = this.#edges[from];
    if (!edges.some((edge) => edge.to === to && edge.kind === kind)) edges.push({ to, kind });
  }

  /** All edges of one kind. */
  *of(kind: EdgeKind): Generator<readonly [from: number, to: number]> {
    for (const [from, edges] of this.#edges.entries()) {
      for (const edge of edges) if (edge.kind === kind) yield [from, edge.to];
    }
  }

  /** The shortest way along edges of some kinds, told as a text, or undefined. */
  path(from: number, to: number, kinds: ReadonlySet<EdgeKind>): string | undefined {
    const cameFrom = new Map<number, { readonly node: number; readonly kind: EdgeKind }>();
    const queue = [from];
    for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
      for (const edge of this.#edges[node]) {
        if (!kinds.has(edge.kind) || cameFrom.has(edge.to)) continue;
        cameFrom.set(edge.to, { node, kind: edge.kind });
        if (edge.to === to) return describe(cameFrom, from, to);
        queue.push(edge.to);
      }
    }
    return undefined;
  }

  /** A cycle along edges of some kinds, told as a text, or undefined. */
  cycle(kinds: ReadonlySet<EdgeKind>): string | undefined {
    const node = this.#onCycle(kinds);
    return node === undefined ? undefined : this.path(node, node, kinds);
  }

  /** Tarjan's strongly connected components, without recursion: a member of the first one that is no single node. */
  #onCycle(kinds: ReadonlySet<EdgeKind>): number | undefined {
    const order = new Map<number, number>();
    const low = new Map<number, number>();
    const open = new Set<number>();
    const stack: number[] = [];
    for (const root of this.#edges.keys()) {
      if (order.has(root)) continue;
      const work: { readonly node: number; next: number }[] = [];
      const enter = (node: number): void => {
        order.set(node, order.size);
        low.set(node, order.size - 1);
        open.add(node);
        stack.push(node);
        work.push({ node, next: 0 });
      };
      enter(root);
      for (let top = work.at(-1); top !== undefined; top = work.at(-1)) {
        const { node } = top;
        const edge = this.#edges[node][top.next++];
        if (edge === undefined) {
          work.pop();
          const parent = work.at(-1)?.node;
          if (parent !== undefined) lower(low, parent, low.get(node));
          if (low.get(node) !== order.get(node)) continue;
          if (stack.at(-1) !== node) return node;
          stack.pop();
          open.delete(node);
        } else if (kinds.has(edge.kind)) {
          if (!order.has(edge.to)) enter(edge.to);
          else if (open.has(edge.to)) lower(low, node, order.get(edge.to));
        }
      }
    }
    return undefined;
  }
}

function lower(low: Map<number, number>, node: number, to = Number.POSITIVE_INFINITY): void {
  low.set(node, Math.min(low.get(node) ?? to, to));
}

function describe(
  cameFrom: ReadonlyMap<number, { readonly node: number; readonly kind: EdgeKind }>,
  from: number,
  to: number,
): string {
  const parts = [`T${to}`];
  let node = to;
  do {
    const step = cameFrom.get(node);
    if (step === undefined) break;
    parts.unshift(`T${step.node} -${step.kind}->`);
    node = step.node;
  } while (node !== from);
  return parts.join(' ');
}
