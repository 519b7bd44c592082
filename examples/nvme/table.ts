// SPDX-License-Identifier: MIT
// Prints a controller's identity as a table.
import Table from 'cli-table3';
import { type Controller, versionText } from 'vfio/nvme';

const NO_LINES_BETWEEN = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/** The controller and its namespaces, one line per property. */
export function identityTable(controller: Controller): string {
  const table = new Table({ style: { head: [], border: [] }, chars: NO_LINES_BETWEEN });
  table.push(...controllerRows(controller), ...namespaceRows(controller));
  return table.toString();
}

function controllerRows({ device, identity, registers, io }: Controller): [string, string][] {
  const entries = registers.CAP.MQES + 1;
  return [
    ['controller', device.address],
    ['model (MN)', identity.mn],
    ['serial (SN)', identity.sn],
    ['firmware (FR)', identity.fr],
    ['PCI vendor (VID, SSVID)', `${hex(identity.vid)}, ${hex(identity.ssvid)}`],
    ['controller ID (CNTLID)', String(identity.cntlid)],
    ['version (VS)', versionText(registers.VS.read())],
    ['subsystem (SUBNQN)', identity.subnqn],
    ['queue entries (CAP.MQES)', `${entries}, ${io.queue.entries} used`],
    ['longest transfer (MDTS)', `${io.maxTransferBytes / 1024} KiB`],
    ['volatile write cache (VWC)', (identity.vwc & 1) === 1 ? 'present' : 'none'],
  ];
}

function namespaceRows(controller: Controller): [string, string][] {
  return controller.namespaces.map(({ nsid, bytes, blockBytes, identity }) => [
    `namespace ${nsid}`,
    `${Number(bytes) / 2 ** 20} MiB, ${identity.nsze} blocks of ${blockBytes} bytes`,
  ]);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}
