// SPDX-License-Identifier: MIT
// Executes Identify (NVMe Base Specification 2.0, 5.17).
import {
  commandSetData,
  commandSets,
  controllerData,
  descriptorList,
  independentData,
  namespaceData,
  namespaceList,
} from './identify.js';
import type { NvmeModelNamespace, NvmeNamespaces } from './namespaces.js';
import { PAGE_BYTES, type Parts } from './parts.js';
import { writeData } from './prp.js';
import { CommandFailure, demand, StatusCode } from './status.js';
import type { Submission } from './submission.js';

const Cns = {
  NAMESPACE: 0x00,
  CONTROLLER: 0x01,
  ACTIVE_NAMESPACES: 0x02,
  DESCRIPTORS: 0x03,
  SET_NAMESPACE: 0x05,
  SET_CONTROLLER: 0x06,
  SET_ACTIVE_NAMESPACES: 0x07,
  INDEPENDENT_NAMESPACE: 0x08,
  COMMAND_SETS: 0x1c,
} as const;

/** A list cannot be asked for namespaces above these. */
const LAST_LISTED = 0xffff_fffd;

export function identify(parts: Parts, command: Submission): number {
  writeData(parts.host, command, dataFor(parts, command), PAGE_BYTES);
  return 0;
}

function dataFor({ settings, namespaces }: Parts, command: Submission): Uint8Array {
  const { nsid } = command;
  const commandSet = command.cdw11 >>> 24;
  switch (command.cdw10 & 0xff) {
    case Cns.NAMESPACE:
      return namespaceData(allocated(namespaces, nsid));
    case Cns.CONTROLLER:
      return controllerData(settings);
    case Cns.ACTIVE_NAMESPACES:
      demand(nsid <= LAST_LISTED, StatusCode.INVALID_NAMESPACE);
      return namespaceList(namespaces, nsid);
    case Cns.DESCRIPTORS:
      return descriptorList(active(namespaces, nsid));
    case Cns.SET_NAMESPACE:
      demand(commandSet === 0, StatusCode.INVALID_FIELD);
      allocated(namespaces, nsid);
      return commandSetData();
    case Cns.SET_CONTROLLER:
      demand(commandSet === 0, StatusCode.INVALID_FIELD);
      return commandSetData();
    case Cns.SET_ACTIVE_NAMESPACES:
      demand(nsid <= LAST_LISTED, StatusCode.INVALID_NAMESPACE);
      return namespaceList(namespaces, nsid, commandSet);
    case Cns.INDEPENDENT_NAMESPACE:
      active(namespaces, nsid);
      return independentData();
    case Cns.COMMAND_SETS:
      return commandSets();
    default:
      throw new CommandFailure(StatusCode.INVALID_FIELD);
  }
}

/** A valid identifier; its namespace can be inactive. */
function allocated(namespaces: NvmeNamespaces, nsid: number): NvmeModelNamespace | undefined {
  demand(nsid >= 1 && nsid <= namespaces.limit, StatusCode.INVALID_NAMESPACE);
  return namespaces.get(nsid);
}

function active(namespaces: NvmeNamespaces, nsid: number): NvmeModelNamespace {
  const found = allocated(namespaces, nsid);
  demand(found !== undefined, StatusCode.INVALID_FIELD);
  return found;
}
