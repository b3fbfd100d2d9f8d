// Users who come at their times, whatever became of the ones before. No request is tried again; each must be answered within a second.
const DEADLINE_MS = 1_000;

export class Load {
  requests = 0;
  failed = 0;
  failures = [];
  #ids = [];
  #fleet;
  #timer;
  #latencies = [];

  constructor(fleet) {
    this.#fleet = fleet;
  }

  start(perSecond) {
    this.#timer = setInterval(() => void this.#one(), 1_000 / perSecond);
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** The slowest request since the last question, in ms. */
  slowest() {
    const slowest = Math.max(0, ...this.#latencies);
    this.#latencies = [];
    return slowest;
  }

  async #one() {
    const { up } = this.#fleet;
    const copy = up[Math.floor(Math.random() * up.length)];
    if (copy === undefined) return;
    const started = performance.now();
    this.requests++;
    try {
      await (Math.random() < 0.4 ? this.#add(copy) : this.#find(copy));
    } catch (error) {
      this.failed++;
      const cause = error.cause?.code ?? error.message;
      this.failures.push(`${copy.name} (${copy.version}): ${cause}`);
    }
    this.#latencies.push(performance.now() - started);
  }

  async #add(copy) {
    const name = `Ada Lovelace${this.requests}`;
    const { id } = await request(copy, '/users', {
      method: 'POST',
      body: JSON.stringify({ name }),
    });
    this.#ids.push({ id, name });
  }

  async #find(copy) {
    const known = this.#ids[Math.floor(Math.random() * this.#ids.length)];
    if (known === undefined) return this.#add(copy);
    const { name } = await request(copy, `/users/${known.id}`);
    if (name !== known.name) throw new Error(`user ${known.id} is "${name}", not "${known.name}"`);
  }
}

async function request({ http }, path, options = {}) {
  const response = await fetch(`http://127.0.0.1:${http}${path}`, {
    ...options,
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${body.error}`);
  return body;
}
