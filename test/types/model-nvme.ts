// SPDX-License-Identifier: MIT
// Uses the NVMe model as a program would. It only has to compile.
import {
  FileStorage,
  MemoryStorage,
  type NvmeFault,
  type NvmeHost,
  type NvmeInjection,
  NvmeModel,
} from 'vfio/models/nvme';

export async function useModel(host: NvmeHost): Promise<void> {
  const model = new NvmeModel(host, {
    namespaces: [{ storage: new MemoryStorage(4096) }, { storage: new FileStorage('disk.img') }],
    ioQueues: 2,
  });
  const csts: number = model.read32(0x1c);
  const cap: bigint = model.read64(0);
  model.write32(0x14, csts);
  model.write64(0x28, cap);
  const fault: NvmeFault = { fault: 'late', ms: 10, on: { kind: 'io', lba: 8 }, nth: 2 };
  const injection: NvmeInjection = await model.inject(fault);
  injection.cancel();
  await model.inject({ fault: 'removed' });
  await model.inject({ fault: 'all-ones', ms: 5 });
  await model.inject({ fault: 'stuck', during: 'enable' });
  // @ts-expect-error: there is no such fault.
  await model.inject({ fault: 'slow' });
  // @ts-expect-error: a late completion needs a delay.
  await model.inject({ fault: 'late' });
  model.namespaces.resize(1, 4);
  model.namespaces.add({ nsid: 3, storage: model.namespaces.remove(2).storage });
  model.reset();
  model.close();
}
