// SPDX-License-Identifier: MIT
// Starts QEMU as a child process, and decides on its arguments. Every file and socket reaches it as an inherited
// descriptor: nothing of a run has a name on the host that could clash, be tampered with or stay behind.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import { undoOnExit } from '../tools/cleanup.js';
import { findProgram } from '../tools/paths.js';
import { deviceArguments } from './devices.js';
import { VmError } from './errors.js';

/** Files of a run, as open descriptors of this process. */
export interface QemuFiles {
  readonly kernel: number;
  readonly initrd: number;
  readonly disk: number;
  /** ext4 images by the serial number the guest finds them under. */
  readonly images: Readonly<Record<string, number>>;
}

export interface Qemu {
  readonly process: ChildProcess;
  /** The virtio-serial port to the guest's init. */
  readonly port: Duplex;
  readonly monitor: Duplex;
  /** The serial line: kernel messages of a boot that fails, and panics. */
  readonly console: Readable;
  readonly stderr: Readable;
  kill(): void;
}

export type Accelerator = 'tcg' | 'kvm';

const KERNEL_ARGUMENTS = [
  'console=ttyS0',
  'quiet',
  'iommu=nopt',
  // Without it a busy host panics the guest ("timer doesn't work through Interrupt-remapped IO-APIC").
  'no_timer_check',
  // A busy host makes clocks look wrong: the kernel's check of them gives up the good one and, in 7.3,
  // sometimes waits for ever for a processor that waits for it.
  'tsc=reliable',
  'panic=-1',
];

/** What makes hot-plug work each way: arguments of the kernel and of QEMU. */
const HOTPLUG = {
  acpi: { kernel: [], qemu: [] },
  pcie: {
    // A port that sleeps takes its device to D3cold, from where it does not come back in time.
    kernel: ['pcie_ports=native', 'pcie_port_pm=off'],
    qemu: ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'],
  },
} as const;

/** Descriptors of the child after stdin, stdout and stderr. */
const FD = { port: 3, monitor: 4, console: 5, kernel: 6, initrd: 7, disk: 8, images: 9 };

/** QEMU's program: `VFIO_VM_QEMU`, else from PATH. */
export function findQemu(): string {
  const chosen = process.env.VFIO_VM_QEMU;
  const path = chosen || findProgram('qemu-system-x86_64');
  if (process.arch !== 'x64') {
    throw new VmError(
      'ERR_VM_MISSING',
      'the test machine shares the files of its host, which has to be an x86-64 one',
    );
  }
  if (path === undefined || !existsSync(path)) {
    throw new VmError(
      'ERR_VM_MISSING',
      chosen
        ? `VFIO_VM_QEMU names ${chosen}, which does not exist`
        : 'qemu-system-x86_64 is not installed (Debian: apt-get install qemu-system-x86); VFIO_VM_QEMU can name another',
    );
  }
  return path;
}

/**
 * One thread for both processors. With a thread each, QEMU before 8.2 changes the map of device memory (memory decode
 * of a BAR, a slot's power) under a processor that still uses the old one: its write to its timer goes elsewhere, and the
 * whole machine stands still.
 */
const STEADY_TCG = 'tcg,thread=single';

/** What decides about a machine, apart from its files. */
export interface QemuOptions {
  readonly accelerator: Accelerator;
  readonly hotplug: keyof typeof HOTPLUG;
  readonly iommu: boolean;
  readonly extra: readonly string[];
}

export function qemuArguments(options: QemuOptions, imageSerials: readonly string[]): string[] {
  const { accelerator } = options;
  const hotplug = HOTPLUG[options.hotplug];
  const iommu = `intel_iommu=${options.iommu ? 'on' : 'off'}`;
  const append = [...KERNEL_ARGUMENTS, iommu, ...hotplug.kernel].join(' ');
  return [
    ...['-nodefaults', '-no-user-config', '-nographic', '-no-reboot', '-nic', 'none'],
    // Under KVM, interrupt remapping needs the I/O APIC in QEMU.
    ...['-machine', accelerator === 'kvm' ? 'q35,kernel-irqchip=split' : 'q35'],
    ...['-accel', accelerator === 'tcg' ? STEADY_TCG : accelerator],
    ...['-cpu', 'max', '-smp', '2', '-m', '2G'],
    ...['-device', 'intel-iommu,intremap=on,device-iotlb=on'],
    ...['-kernel', path(FD.kernel), '-initrd', path(FD.initrd), '-append', append],
    ...['-chardev', `socket,id=console,fd=${FD.console}`, '-serial', 'chardev:console'],
    ...['-chardev', `socket,id=monitor,fd=${FD.monitor}`, '-mon', 'chardev=monitor,mode=control'],
    ...hotplug.qemu,
    ...deviceArguments(path(FD.disk)),
    ...hostArguments(imageSerials),
    ...options.extra,
  ];
}

/** What carries the run itself; from slot 16 up, away from the devices under test. */
function hostArguments(imageSerials: readonly string[]): string[] {
  return [
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=host,mount_tag=host,addr=10'],
    ...['-device', 'virtio-serial-pci,id=ports,addr=11'],
    ...['-chardev', `socket,id=port,fd=${FD.port}`],
    ...['-device', 'virtserialport,bus=ports.0,chardev=port,name=vfio-vm'],
    ...['-device', 'virtio-rng-pci,addr=12'],
    ...imageSerials.flatMap((serial, index) => [
      '-drive',
      `if=none,id=image-${serial},format=raw,readonly=on,file=${path(FD.images + index)}`,
      '-device',
      `virtio-blk-pci,drive=image-${serial},serial=${serial},addr=${(0x13 + index).toString(16)}`,
    ]),
  ];
}

function path(fd: number): string {
  return `/dev/fd/${fd}`;
}

export function startQemu(options: QemuOptions, files: QemuFiles): Qemu {
  const args = qemuArguments(options, Object.keys(files.images));
  const child = spawnEndingWithParent(findQemu(), args, {
    // Its own session: Ctrl-C reaches this process, which then ends QEMU.
    detached: true,
    stdio: [
      ...(['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'] as const),
      ...[files.kernel, files.initrd, files.disk, ...Object.values(files.images)],
    ],
  });
  const kill = () => void child.kill('SIGKILL');
  const done = undoOnExit(kill);
  child.once('exit', done);
  // Node's types stop at five descriptors.
  const pipes = child.stdio as unknown as Duplex[];
  return {
    process: child,
    port: pipes[FD.port] as Duplex,
    monitor: pipes[FD.monitor] as Duplex,
    console: pipes[FD.console] as Duplex,
    stderr: child.stderr as Readable,
    kill,
  };
}

/** With a wrapper that has the kernel kill QEMU when this process ends, even by SIGKILL. */
function spawnEndingWithParent(
  program: string,
  args: string[],
  options: SpawnOptions,
): ChildProcess {
  const setpriv = findProgram('setpriv');
  return setpriv === undefined
    ? spawn(program, args, options)
    : spawn(setpriv, ['--pdeathsig', 'KILL', '--', program, ...args], options);
}
