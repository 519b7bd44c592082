// SPDX-License-Identifier: MIT
// Starts QEMU as a child process, and chooses its arguments. QEMU inherits every file and socket as a descriptor. So no
// file of a run has a name on the host that could clash, be tampered with or be left behind.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import { undoOnExit } from '../tools/cleanup.js';
import { findProgram } from '../tools/paths.js';
import { deviceArguments } from './devices.js';
import { VmError } from './errors.js';

/** The files of a run, as open descriptors of this process. */
export interface QemuFiles {
  readonly kernel: number;
  readonly initrd: number;
  readonly disk: number;
  /** ext4 images, by the serial number under which the guest finds them. */
  readonly images: Readonly<Record<string, number>>;
}

export interface Qemu {
  readonly process: ChildProcess;
  /** The virtio-serial port to the guest's init. */
  readonly port: Duplex;
  readonly monitor: Duplex;
  /** The serial console. It has the kernel messages of a failed boot, and panics. */
  readonly console: Readable;
  readonly stderr: Readable;
  kill(): void;
}

export type Accelerator = 'tcg' | 'kvm';

const KERNEL_ARGUMENTS = [
  'console=ttyS0',
  'quiet',
  'iommu=nopt',
  // Without this, the guest panics on a busy host ("timer doesn't work through Interrupt-remapped IO-APIC").
  'no_timer_check',
  // On a busy host, clocks look wrong. Without this, the kernel's clock check rejects the good clock. In Linux 7.3 it
  // sometimes even deadlocks with another processor.
  'tsc=reliable',
  'panic=-1',
];

/** The arguments of the kernel and of QEMU that each kind of hot-plug needs. */
const HOTPLUG = {
  acpi: { kernel: [], qemu: [] },
  pcie: {
    // A sleeping port puts its device into D3cold, and the device does not return from there in time.
    kernel: ['pcie_ports=native', 'pcie_port_pm=off'],
    qemu: ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'],
  },
} as const;

/** QEMU's descriptors after stdin, stdout and stderr. */
const FD = { port: 3, monitor: 4, console: 5, kernel: 6, initrd: 7, disk: 8, images: 9 };

/** The path of QEMU: `VFIO_VM_QEMU` if it is set, else the program on PATH. */
export function findQemu(): string {
  const chosen = process.env.VFIO_VM_QEMU;
  const path = chosen || findProgram('qemu-system-x86_64');
  if (process.arch !== 'x64') {
    throw new VmError(
      'ERR_VM_MISSING',
      `the test machine runs only on x86-64, because its guest runs the programs of the host. This computer is ${process.arch}`,
    );
  }
  if (path === undefined || !existsSync(path)) {
    throw new VmError(
      'ERR_VM_MISSING',
      chosen
        ? `VFIO_VM_QEMU names ${chosen}, which does not exist`
        : 'qemu-system-x86_64 is not installed. Install it (Debian: apt-get install qemu-system-x86), or set VFIO_VM_QEMU to its path',
    );
  }
  return path;
}

/**
 * One thread for both processors. If each processor has a thread, QEMU before 8.2 can change the map of device memory
 * (memory decode of a BAR, a slot's power) while the other processor still uses the old map. That processor's write to
 * its timer then goes to the wrong place, and the whole machine hangs.
 */
const STEADY_TCG = 'tcg,thread=single';

/** The settings of a machine, apart from its files. */
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
    // Under KVM, interrupt remapping needs QEMU's I/O APIC instead of the kernel's.
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

/** The devices that the run itself needs. They have slots from 16 on, apart from the devices under test. */
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
    // In a session of its own, QEMU gets no Ctrl-C. This process gets it, and ends QEMU.
    detached: true,
    stdio: [
      ...(['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'] as const),
      ...[files.kernel, files.initrd, files.disk, ...Object.values(files.images)],
    ],
  });
  const kill = () => void child.kill('SIGKILL');
  const done = undoOnExit(kill);
  child.once('exit', done);
  // Node's types have only five descriptors.
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

/** Starts QEMU through setpriv, so that the kernel kills QEMU when this process ends, even by SIGKILL. */
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
