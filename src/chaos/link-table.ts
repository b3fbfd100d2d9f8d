import { connect, type Socket } from 'node:net';
import { FREE, type LinkRule, Relay } from './relay.ts';

/** Where a proxied connection goes to. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** One proxied connection: two sockets and a relay in each direction. */
class Route {
  readonly from: string;
  readonly to: string;
  readonly #caller: Socket;
  readonly #target: Target;
  readonly #closed: () => void;
  #callee: Socket | undefined;
  #there: Relay | undefined;
  #back: Relay | undefined;
  #rules: { there: LinkRule; back: LinkRule } = { there: FREE, back: FREE };

  constructor(from: string, to: string, caller: Socket, target: Target, closed: () => void) {
    this.from = from;
    this.to = to;
    this.#caller = caller;
    this.#target = target;
    this.#closed = closed;
    caller.on('error', () => undefined);
    caller.on('close', () => this.#ended());
  }

  /** Over a cut link nothing is dialled: the caller waits, as for an answer that never comes. */
  follow(there: LinkRule, back: LinkRule): void {
    this.#rules = { there, back };
    this.#there?.follow(there);
    this.#back?.follow(back);
    if (this.#callee === undefined && !there.cut && !back.cut && !this.#caller.destroyed) {
      this.#dial();
    }
  }

  tear(afterBytes: number): void {
    this.#there?.tear(afterBytes);
    this.#back?.tear(afterBytes);
  }

  destroy(): void {
    this.#caller.destroy();
    this.#callee?.destroy();
  }

  #dial(): void {
    const callee = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#callee = callee;
    callee.on('error', () => undefined);
    callee.on('close', () => {
      if (this.#there === undefined) this.#caller.resetAndDestroy();
      this.#ended();
    });
    callee.once('connect', () => {
      this.#there = new Relay(this.#caller, callee, this.#rules.there);
      this.#back = new Relay(callee, this.#caller, this.#rules.back);
    });
  }

  #ended(): void {
    const callee = this.#callee;
    if (this.#caller.destroyed && callee !== undefined && this.#there === undefined) {
      callee.destroy();
    }
    if (this.#caller.destroyed && (callee === undefined || callee.destroyed)) this.#closed();
  }
}

/** The state of all links between places, and the connections that run over them. */
export class LinkTable {
  readonly #rules = new Map<string, LinkRule>();
  readonly #routes = new Set<Route>();

  /** Connections that exist at the moment. */
  get connections(): number {
    return this.#routes.size;
  }

  /** Takes over an accepted connection of `from` to `to`. */
  add(from: string, to: string, caller: Socket, target: Target): void {
    const route: Route = new Route(from, to, caller, target, () => this.#routes.delete(route));
    this.#routes.add(route);
    route.follow(this.#rule(from, to), this.#rule(to, from));
  }

  /** One direction only. */
  set(from: string, to: string, rule: LinkRule): void {
    this.#rules.set(key(from, to), rule);
    this.#refresh();
  }

  /** Both directions. */
  setBoth(a: string, b: string, rule: LinkRule): void {
    this.#rules.set(key(a, b), rule);
    this.#rules.set(key(b, a), rule);
    this.#refresh();
  }

  /** All links as they should be. */
  heal(): void {
    this.#rules.clear();
    this.#refresh();
  }

  /** Resets the connections between two places, each after so many further bytes. */
  tear(a: string, b: string, afterBytes: () => number): number {
    const torn = [...this.#routes].filter(
      ({ from, to }) => (from === a && to === b) || (from === b && to === a),
    );
    for (const route of torn) route.tear(afterBytes());
    return torn.length;
  }

  destroy(): void {
    for (const route of this.#routes) route.destroy();
  }

  #rule(from: string, to: string): LinkRule {
    return this.#rules.get(key(from, to)) ?? FREE;
  }

  #refresh(): void {
    for (const route of this.#routes) {
      route.follow(this.#rule(route.from, route.to), this.#rule(route.to, route.from));
    }
  }
}

function key(from: string, to: string): string {
  return `${from}>${to}`;
}
