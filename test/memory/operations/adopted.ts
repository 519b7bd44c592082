// SPDX-License-Identifier: MIT
// The operations of a thread that adopts a grant. None of them makes a system call. The regions, vectors and buffers
// of a grant have the classes of the other tables.
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Scene } from './scene.js';

/** The source of each operation. It runs in the adopting thread, with `adopted` in scope. */
export const adoptedOperations: Record<string, string> = {
  adopt: 'adopt(workerData.spare)',
  'AdoptedDevice.region': 'adopted.region(0)',
  'AdoptedDevice.bar': 'adopted.bar(0)',
  'AdoptedDevice.config': 'adopted.config',
  'AdoptedDevice.vector': 'adopted.vector(0)',
  'AdoptedDevice.closed': 'adopted.closed',
  'AdoptedDevice.close': 'adopted.close()',
  'AdoptedDevice.[dispose]': 'adopted[Symbol.dispose]()',
};

const program = pathToFileURL('test/process/program.mjs').href;

/** Runs all of them in a worker. Returns those that made system calls, each with the number of calls. */
export async function askInWorker({ device, bar, vector, buffer }: Scene): Promise<string[]> {
  const parts = { regions: [bar, device.config], vectors: [vector], memory: [buffer] };
  const [grant, spare] = [device.grant(parts), device.grant({ regions: [bar] })];
  const uses = Object.entries(adoptedOperations).map(
    ([name, source]) => `use(${JSON.stringify(name)}, () => ${source});`,
  );
  const source = `
    import { adopt, parentPort, syscalls, workerData } from '${program}';
    const loud = [];
    function use(name, operation) {
      syscalls.reset();
      operation();
      if (syscalls.count() > 0) loud.push(name + ': ' + syscalls.count());
    }
    const adopted = adopt(workerData.grant);
    ${uses.join('\n')}
    parentPort.postMessage(loud);`;
  const worker = new Worker(source, {
    eval: true,
    workerData: { grant: grant.token, spare: spare.token },
    execArgv: ['--input-type=module'],
  });
  const [loud] = await once(worker, 'message');
  await worker.terminate();
  return loud as string[];
}
