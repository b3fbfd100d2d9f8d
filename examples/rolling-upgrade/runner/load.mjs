const FAILURES_SHOWN = 5;

/**
 * Requests at a constant rate, whether or not earlier ones were answered: each once, to the next copy that the balancer knows to be up, with a
 * deadline and without a retry. An answer with wrong content is a failure too.
 */
export class Load {
  requests = 0;
  failed = 0;
  slowestMs = 0;
  /** @type {string[]} */
  failures = [];
  #copies;
  #deadlineMs;
  #timer;
  #turn = 0;
  #users = [];
  #running = new Set();

  /** @param {import('./copy.mjs').Copy[]} copies */
  constructor(copies, { perSecond, deadlineMs }) {
    this.#copies = copies;
    this.#deadlineMs = deadlineMs;
    this.#timer = setInterval(() => {
      const one = this.#visit().finally(() => this.#running.delete(one));
      this.#running.add(one);
    }, 1000 / perSecond);
  }

  async stop() {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  /** What one user does: signs up, or comes back and orders. Users met before are asked for on whatever release answers now. */
  async #visit() {
    const n = this.#turn++;
    if (n % 3 === 0 || this.#users.length === 0) {
      const [first, last] = [`First${n}`, `Last${n}`];
      const user = { email: `${n}@example.org`, first, last };
      const made = await this.#request('POST', '/users', user, ({ id }) => id > 0);
      if (made !== undefined) this.#users.push({ id: made.id, name: `${first} ${last}`, cents: 0 });
      return;
    }
    // Nobody else touches a user meanwhile, so the sums can be checked.
    const [user] = this.#users.splice((n * 7919) % this.#users.length, 1);
    await this.#request(
      'GET',
      `/users/${user.id}`,
      undefined,
      (found) => found?.name === user.name,
    );
    const cents = 1 + (n % 9999);
    const order = await this.#request(
      'POST',
      '/orders',
      { user: user.id, cents },
      ({ id }) => id > 0,
    );
    // Whether an order that failed counts is not known.
    if (order === undefined) return;
    user.cents += cents;
    await this.#request(
      'GET',
      `/users/${user.id}/total`,
      undefined,
      (sum) => sum.cents === user.cents,
    );
    this.#users.push(user);
  }

  /** The answer, or undefined when the request has failed. */
  async #request(method, path, body, isRight) {
    const up = this.#copies.filter((copy) => copy.up);
    const copy = up[this.requests % up.length];
    const began = performance.now();
    this.requests++;
    try {
      const response = await fetch(copy.url + path, {
        method,
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(this.#deadlineMs),
      });
      const answer = await response.json();
      const tookMs = performance.now() - began;
      this.slowestMs = Math.max(this.slowestMs, tookMs);
      // A signal may be late, or be collected as garbage before it fires.
      if (tookMs > this.#deadlineMs) throw new Error(`took ${Math.round(tookMs)} ms`);
      if (response.ok && isRight(answer)) return answer;
      throw new Error(`${response.status} ${JSON.stringify(answer)}`);
    } catch (error) {
      this.failed++;
      const cause = error.cause === undefined ? '' : ` (${error.cause.message})`;
      const told = `${method} ${path} at ${copy?.name} (${copy?.release}): ${error.message}${cause}`;
      if (this.failures.length < FAILURES_SHOWN) this.failures.push(told);
      return undefined;
    }
  }
}
