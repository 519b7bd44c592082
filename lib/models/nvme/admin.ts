// SPDX-License-Identifier: MIT
// Executes admin commands (NVMe Base Specification 2.0, 5).

import { identify } from './admin-identify.js';
import { getLogPage } from './admin-log.js';
import { FeatureId } from './features.js';
import { AdminOpcode } from './opcodes.js';
import type { Parts } from './parts.js';
import { demand, StatusCode } from './status.js';
import type { Submission } from './submission.js';

/** Executes one kind of command. Returns dword 0 of its completion, or undefined if it completes later. */
type Execute = (parts: Parts, command: Submission) => number | undefined;

const COMMANDS: Readonly<Record<number, Execute>> = {
  [AdminOpcode.DELETE_IO_SQ]: deleteSubmissionQueue,
  [AdminOpcode.CREATE_IO_SQ]: createSubmissionQueue,
  [AdminOpcode.GET_LOG_PAGE]: getLogPage,
  [AdminOpcode.DELETE_IO_CQ]: deleteCompletionQueue,
  [AdminOpcode.CREATE_IO_CQ]: createCompletionQueue,
  [AdminOpcode.IDENTIFY]: identify,
  [AdminOpcode.ABORT]: abort,
  [AdminOpcode.SET_FEATURES]: setFeatures,
  [AdminOpcode.GET_FEATURES]: getFeatures,
  [AdminOpcode.ASYNC_EVENT_REQUEST]: requestEvent,
};

/** Throws a {@link CommandFailure} if the command fails. */
export function executeAdmin(parts: Parts, command: Submission): number | undefined {
  const execute = COMMANDS[command.opcode];
  demand(execute !== undefined, StatusCode.INVALID_OPCODE);
  return execute(parts, command);
}

function createCompletionQueue({ queues, entrySizes }: Parts, command: Submission): number {
  const { cdw10, cdw11, prp1 } = command;
  queues.createCompletion(cdw10 & 0xffff, (cdw10 >>> 16) + 1, prp1, cdw11, entrySizes);
  return 0;
}

function createSubmissionQueue({ queues, entrySizes }: Parts, command: Submission): number {
  const { cdw10, cdw11, prp1 } = command;
  queues.createSubmission(cdw10 & 0xffff, (cdw10 >>> 16) + 1, prp1, cdw11, entrySizes);
  return 0;
}

function deleteSubmissionQueue(parts: Parts, { cdw10 }: Submission): number {
  const id = cdw10 & 0xffff;
  if (id !== 0) parts.endCommandsOf(id);
  parts.queues.deleteSubmission(id);
  return 0;
}

function deleteCompletionQueue({ queues }: Parts, { cdw10 }: Submission): number {
  queues.deleteCompletion(cdw10 & 0xffff);
  return 0;
}

/** Bit 0 of the result says that the command was not aborted: it has completed, or never existed. */
function abort(parts: Parts, { cdw10 }: Submission): number {
  return parts.abort(cdw10 & 0xffff, cdw10 >>> 16) ? 0 : 1;
}

function requestEvent({ events }: Parts, command: Submission): undefined {
  events.request(command);
}

const SAVE = 0x8000_0000;

function setFeatures(parts: Parts, command: Submission): number {
  const id = command.cdw10 & 0xff;
  demand((command.cdw10 & SAVE) === 0, StatusCode.FEATURE_NOT_SAVEABLE);
  if (id === FeatureId.NUMBER_OF_QUEUES) return setNumberOfQueues(parts, command.cdw11);
  parts.features.set(id, scopeOf(id, command), command.cdw11);
  return 0;
}

function getFeatures({ features, queues }: Parts, command: Submission): number {
  const id = command.cdw10 & 0xff;
  const select = (command.cdw10 >>> 8) & 7;
  return features.get(id, select, scopeOf(id, command), queueCounts(queues.allocated));
}

/** The driver asks for numbers of both kinds (0's based). It gets as many pairs as the larger one, or all there are. */
function setNumberOfQueues({ queues, settings }: Parts, cdw11: number): number {
  const submission = cdw11 & 0xffff;
  const completion = cdw11 >>> 16;
  demand(submission !== 0xffff && completion !== 0xffff, StatusCode.INVALID_FIELD);
  demand(!queues.inUse, StatusCode.COMMAND_SEQUENCE);
  queues.allocated = Math.min(Math.max(submission, completion) + 1, settings.ioQueues);
  return queueCounts(queues.allocated);
}

function queueCounts(pairs: number): number {
  return ((pairs - 1) | ((pairs - 1) << 16)) >>> 0;
}

/** Some features have a value for each namespace, or for each vector. */
function scopeOf(id: number, { nsid, cdw11 }: Submission): number {
  if (id === FeatureId.ERROR_RECOVERY) return nsid;
  return id === FeatureId.INTERRUPT_VECTOR ? cdw11 & 0xffff : 0;
}
