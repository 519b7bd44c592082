// SPDX-License-Identifier: MIT
// What a user's program can write, and what the compiler refuses. This file is only compiled, never run. An expected
// error that does not occur fails the type check.
import {
  type AdoptedDevice,
  type AffectedDevice,
  adopt,
  bindDevice,
  Container,
  type Device,
  type DmaBuffer,
  findDevice,
  type Interrupt,
  listDevices,
  openDevice,
  type Released,
  releaseDevice,
  VfioError,
} from 'vfio';

/** Accepts only a value of exactly this type. */
function exactly<T>(): <U>(value: U & ([U, T] extends [T, U] ? unknown : never)) => void {
  return () => {};
}

export async function opening(): Promise<void> {
  await using container = await Container.open();
  const signal: AbortSignal | undefined = undefined;
  await using device = await openDevice('0000:01:00.0', { container, signal, requestGrace: 1000 });
  await using group = await container.openGroup(12);
  await using given = await Container.open({ descriptor: 3 });
  await given.openGroup(12, { descriptor: 4 });
  await group.openDevice('01:00.1');
  await container.openDevice('01:00.2', { vfToken: crypto.randomUUID() });
  exactly<string>()(container.backend);
  exactly<number>()(group.id);

  // @ts-expect-error an address is a string
  await openDevice(1);
  // @ts-expect-error a descriptor is a number
  await Container.open({ descriptor: '3' });
  // @ts-expect-error a token is a UUID as a string
  await openDevice('01:00.0', { vfToken: 1n });
  // @ts-expect-error there is no such option
  await openDevice('01:00.0', { contaner: container });
  // @ts-expect-error a container is opened, not constructed from nothing
  new Container();
  // @ts-expect-error the properties of a device are read-only
  device.address = '0000:02:00.0';
}

export async function resets(device: Device): Promise<void> {
  exactly<void>()(await device.reset());
  exactly<void>()(await device.hotReset());
  exactly<readonly AffectedDevice[]>()(device.hotResetInfo());
  exactly<string | undefined>()(device.hotResetInfo()[0]?.address);
  // @ts-expect-error the list of affected devices is read-only
  device.hotResetInfo().push({ address: '0000:01:00.0', group: 1 });
}

export function registers(device: Device): void {
  const bar = device.bar(0);
  exactly<number>()(bar.read32(0x1c));
  exactly<bigint>()(bar.read64(0));
  exactly<boolean>()(bar.ioPorts);
  exactly<boolean>()(bar.prefetchable);
  exactly<Uint8Array<ArrayBuffer>>()(bar.inexactView());
  exactly<Uint8Array<ArrayBuffer>>()(bar.inexactView(0x1000, 4096));
  bar.write32(0x14, 1);
  bar.write64(0x28, 0x1000n);
  exactly<number | undefined>()(device.config.find(0x11)?.offset);
  exactly<number | undefined>()(device.config.capability('msix')?.table.bar);
  exactly<Buffer | undefined>()(device.config.capability('vendor')?.bytes);
  exactly<'acs' | undefined>()(device.config.capability('acs')?.name);
  for (const capability of device.config.capabilities()) {
    if (capability.name === 'pciExpress') exactly<number | undefined>()(capability.link?.speed);
  }
  exactly<number | undefined>()(device.rom?.byteLength);

  // @ts-expect-error there is no such capability
  device.config.capability('msi-x');
  // @ts-expect-error MSI has no table
  device.config.capability('msi')?.table;
  // @ts-expect-error a 32-bit value is a number
  bar.write32(0, 1n);
  // @ts-expect-error a 64-bit value is a bigint
  bar.write64(0, 1);
  // @ts-expect-error an offset is a number
  bar.read32(0n);
  // @ts-expect-error a write needs a value
  bar.write8(0);
  // @ts-expect-error an offset is a number
  bar.inexactView(0n);
  // @ts-expect-error only the device says whether a BAR is prefetchable
  bar.prefetchable = true;
  // @ts-expect-error a BAR has no typed array
  bar.buffer;
}

export function power(device: Device): void {
  exactly<'D0' | 'D1' | 'D2' | 'D3hot'>()(device.powerState);
  device.powerState = 'D3hot';
  // @ts-expect-error a program cannot choose D3cold: the platform cuts the power
  device.powerState = 'D3cold';
}

export function memory(device: Device): void {
  using buffer: DmaBuffer = device.allocDma(8192, { direction: 'toDevice', iova: 0x10000n });
  exactly<bigint>()(buffer.iova);
  exactly<number>()(buffer.address(4096));
  exactly<bigint>()(buffer.iovaAt(4096));
  exactly<Uint16Array<ArrayBuffer>>()(buffer.u16);
  exactly<Uint32Array<ArrayBuffer>>()(buffer.u32);
  exactly<BigUint64Array<ArrayBuffer>>()(buffer.u64);
  exactly<DataView<ArrayBuffer>>()(buffer.view);
  exactly<Promise<DmaBuffer>>()(device.container.allocDmaAsync(2 ** 30));
  Atomics.load(buffer.u32, 3);
  buffer.copyFrom(Buffer.from('text'), 16);
  buffer.copyTo(new ArrayBuffer(4), 16, 4);

  // @ts-expect-error an IOVA is a bigint
  device.allocDma(4096, { iova: 4096 });
  // @ts-expect-error there is no such direction
  device.allocDma(4096, { direction: 'in' });
  // @ts-expect-error an IOVA is a bigint, so a number cannot be added to it
  buffer.iova + 4096;
  // @ts-expect-error a program's own memory cannot be mapped, only copied
  device.allocDma(Buffer.alloc(4096));
}

export async function interrupts(device: Device): Promise<void> {
  device.busMaster = true;
  using set = device.enableInterrupts('msix', { count: 2 });
  const vector: Interrupt = set.vector(0);
  exactly<number>()(await vector.once({ timeout: 100 }));
  for await (const count of vector) exactly<number>()(count);
  vector
    .on((count) => count.toFixed())
    .on(async () => {})
    .unref();

  // @ts-expect-error there is no such type of interrupt
  device.enableInterrupts('msi-x');
  // @ts-expect-error a count is a number
  vector.on((count: bigint) => count);
  // @ts-expect-error busMaster is a boolean
  device.busMaster = 1;
}

export async function workers(device: Device): Promise<void> {
  using set = device.enableInterrupts('msix', { count: 2 });
  using ring = device.allocDma(4096);
  const parts = { regions: [device.bar(0)], vectors: [set.vector(1)], memory: [ring] };
  await using grant = device.grant(parts);
  exactly<string>()(grant.token);
  exactly<Promise<void>>()(grant.revoke());

  using adopted: AdoptedDevice = adopt(grant.token);
  exactly<number>()(adopted.bar(0).read32(0));
  exactly<number>()(await adopted.vector(1).once());
  exactly<readonly DmaBuffer[]>()(adopted.memory);
  adopted.on('close', () => {});

  // @ts-expect-error a token is a string
  adopt(grant);
  // @ts-expect-error regions are objects, not numbers
  device.grant({ regions: [0] });
  // @ts-expect-error config space cannot be granted
  device.grant({ config: device.config });
  // @ts-expect-error only the owner can reset a device
  adopted.reset();
}

export function events(device: Device): void {
  device.on('request', () => device.close());
  device.once('lost', () => {});

  // @ts-expect-error there is no event named error
  device.on('error', () => {});
  // @ts-expect-error the events have no arguments
  device.on('fault', (reason: string) => reason);
}

export async function binding(): Promise<void> {
  const [nvme] = await listDevices({ classCode: 0x010802 });
  if (nvme === undefined) return;
  exactly<string>()((await findDevice({ baseClass: 0x08, subclass: 0x05 })).address);
  exactly<string | undefined>()(nvme.driver);
  await using bound = await bindDevice(nvme.address, { dryRun: true });
  exactly<readonly string[]>()(bound.steps);
  exactly<boolean>()(bound.leftOver);
  await bound.restore();
  const released: Released = await releaseDevice(nvme.address, { dryRun: true });
  exactly<string | undefined>()(released.driver);

  // @ts-expect-error there is no option force
  await bindDevice(nvme.address, { force: true });
  // @ts-expect-error the previous driver is recorded, so it is not an option
  await releaseDevice(nvme.address, { driver: 'nvme' });
  // @ts-expect-error IDs are numbers
  await listDevices({ vendorId: '0x8086' });
}

export function errors(failure: unknown): string | undefined {
  if (!(failure instanceof VfioError)) return undefined;
  switch (failure.code) {
    case 'EBUSY':
    case 'ERR_VFIO_NOT_VIABLE':
      return failure.hint;
    // @ts-expect-error no error has this code
    case 'ERR_VFIO_VIABLE':
      return undefined;
    default:
      exactly<number | undefined>()(failure.errno);
      return failure.path;
  }
}
