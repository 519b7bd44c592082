// SPDX-License-Identifier: MIT
// Random calls on the public API, on a machine that sometimes fails. From time to time everything is closed. Then every
// promise must settle, and the machine must be free.
import * as vfio from '../../../lib/index.js';
import type { Member, PublicApi } from '../../support/public-api.js';
import { Borrower } from './borrower.js';
import { type Call, Calls } from './calls.js';
import { ADDRESSES, type Hardware, makeMachine } from './machine.js';
import { useMember } from './members.js';
import { Pool } from './pool.js';
import { type Draw, drawFor, pick } from './random.js';
import { Values } from './values.js';

/** The average number of steps before everything is closed. */
const LIFE = 200;
/** A hang guard: closing takes far less. */
const LIMIT_MS = 20_000;

type Closable = { close(): Promise<void> };

export class Session {
  readonly #api: PublicApi;
  readonly #seed: number;
  readonly #values: Values;
  readonly #pool: Pool;
  readonly #open = new Set<Closable>();
  readonly #borrower: Borrower;
  readonly calls: Calls;
  /** The functions of the module and the static methods of its classes, each with the object to call it on. */
  readonly #functions: readonly (readonly [object, Member])[];
  #hardware: Hardware = makeMachine();

  constructor(api: PublicApi, seed: number, trace?: (line: string) => void) {
    this.#api = api;
    this.#seed = seed;
    this.#values = new Values(seed);
    this.#pool = new Pool(api.classes);
    this.#borrower = new Borrower(api, seed);
    this.#functions = functionsOf(api);
    this.calls = new Calls((value) => this.#absorb(value), trace);
  }

  async step(number: number): Promise<void> {
    const draw = drawFor(this.#seed, number);
    if (draw(LIFE) === 0) return this.end();
    const choice = draw(100);
    if (choice < 70) this.#useObject(draw);
    else if (choice < 80) this.#openSomething(draw);
    else if (choice < 82) this.#callFunction(draw);
    else if (choice < 84) this.#lend(number, draw);
    else if (choice < 90) this.calls.note(`// ${this.#hardware.act(draw)}`);
    else await this.calls.turn();
  }

  /** Closes everything, and starts again with a new machine. */
  async end(): Promise<void> {
    this.calls.note('// everything is closed');
    this.#hardware.relent();
    await this.#borrower.end();
    await this.#closeAll();
    await this.#machineIsFree();
    this.#pool.clear();
    this.#hardware = makeMachine();
  }

  /** Also closes what opens while the rest closes. */
  async #closeAll(): Promise<void> {
    do {
      for (const each of this.#open) {
        this.#open.delete(each);
        this.calls.make({ what: 'close', args: [], make: () => each.close() });
      }
      await this.calls.settle();
    } while (this.#open.size > 0 && this.calls.failure === undefined);
  }

  async #machineIsFree(): Promise<void> {
    const deadline = Date.now() + LIMIT_MS;
    while (this.#hardware.inUse && this.calls.failure === undefined) {
      if (Date.now() > deadline) this.calls.failure = new Error('the machine is still in use');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #useObject(draw: Draw): void {
    const object = this.#pool.any(draw);
    const members = object && this.#api.classes[object.constructor.name]?.members;
    const member = members && pick(draw, members);
    const tools = { values: this.#values, pool: this.#pool, draw };
    if (object === undefined || member === undefined) this.#openSomething(draw);
    else this.calls.make(useMember(object, member, tools));
  }

  /** Opens a container or a device, so that there are objects to use. */
  #openSomething(draw: Draw): void {
    this.calls.make(this.#opening(draw));
  }

  #opening(draw: Draw): Call {
    const address = pick(draw, ADDRESSES) as string;
    const container = this.#pool.one('Container', draw) as vfio.Container | undefined;
    if (container === undefined || draw(8) === 0) {
      const make = () => vfio.Container.open();
      return { what: 'Container.open', args: [], make };
    }
    if (draw(4) === 0) {
      const make = () => vfio.openDevice(address);
      return { what: 'openDevice', args: [address], make };
    }
    const make = () => container.openDevice(address);
    return { what: 'Container.openDevice', args: [address], make };
  }

  #callFunction(draw: Draw): void {
    const [owner, member] = pick(draw, this.#functions) as [object, Member];
    const args = this.#values.arguments(member.parameters, this.#pool, draw);
    const called = Reflect.get(owner, member.name) as () => unknown;
    this.calls.make({
      what: member.name,
      args,
      make: () => Reflect.apply(called, owner, args),
    });
  }

  /** Makes a worker adopt a grant and make its own calls. Sometimes terminates the worker. */
  #lend(number: number, draw: Draw): void {
    const token = this.#pool.token(draw);
    if (token === undefined) return;
    this.calls.make({
      what: 'a worker adopts',
      args: [],
      make: () => this.#borrower.use(token, number),
    });
    if (draw(8) === 0)
      this.calls.make({ what: 'terminate', args: [], make: () => this.#borrower.end() });
  }

  #absorb(value: unknown): void {
    this.#pool.absorb(value);
    if (value instanceof vfio.Container || isDevice(value)) this.#open.add(value);
    if (isDevice(value) && this.#open.size % 2 === 0) value.on('request', () => {});
    if (isIterator(value)) {
      this.calls.make({ what: 'next', args: [], make: () => value.next() });
    }
  }
}

function functionsOf({ functions, classes }: PublicApi): (readonly [object, Member])[] {
  return [
    ...functions.map((each) => [vfio, each] as const),
    ...Object.entries(classes).flatMap(([name, { statics }]) =>
      statics.map((each) => [Reflect.get(vfio, name) as object, each] as const),
    ),
  ];
}

function isDevice(value: unknown): value is vfio.Device {
  return value instanceof Object && value.constructor.name === 'Device';
}

function isIterator(value: unknown): value is AsyncIterator<unknown> {
  return value instanceof Object && value.constructor.name === 'InterruptIterator';
}
