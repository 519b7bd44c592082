// SPDX-License-Identifier: MIT
// Every pair of a call and an errno that the kernel is known to answer has its hint, or its reason to have none.
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { callHints, explainCall } from '../../lib/diagnose/call-hints.js';
import { callNative } from '../../lib/internal/call.js';
import { thrownBy } from './lib-fake-native.js';

const root = join(__dirname, '../..');

/** What the fake kernel refuses, and what the kernel's sources and its users are known to meet. */
const known: Record<string, string> = {
  open: 'ENOENT EBUSY EACCES EPERM ENODEV ENXIO EMFILE ENFILE',
  fcntl: 'EBADF EMFILE',
  VFIO_GET_API_VERSION: 'EINVAL ENOTTY',
  VFIO_SET_IOMMU: 'EINVAL EPERM',
  VFIO_GROUP_GET_STATUS: 'EINVAL ENOTTY',
  VFIO_GROUP_SET_CONTAINER: 'EINVAL EBUSY EPERM ENODEV',
  VFIO_GROUP_UNSET_CONTAINER: 'EINVAL EBUSY EIO',
  VFIO_GROUP_GET_DEVICE_FD: 'ENODEV EINVAL EACCES EPERM EIO EMFILE',
  VFIO_DEVICE_GET_INFO: 'EINVAL',
  VFIO_DEVICE_GET_REGION_INFO: 'EINVAL',
  VFIO_DEVICE_GET_IRQ_INFO: 'EINVAL',
  VFIO_DEVICE_SET_IRQS: 'EINVAL EBUSY EBADF ENOTTY ENOSPC',
  VFIO_DEVICE_RESET: 'EINVAL EAGAIN ENOTTY',
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: 'ENODEV ENOSPC EPERM',
  VFIO_DEVICE_PCI_HOT_RESET: 'ENODEV EINVAL EBUSY EAGAIN EPERM ENOTTY',
  VFIO_IOMMU_GET_INFO: 'EINVAL',
  VFIO_IOMMU_MAP_DMA: 'EINVAL EEXIST ENOSPC ENOMEM EFAULT',
  VFIO_IOMMU_UNMAP_DMA: 'EINVAL ENOENT EIO',
  pread: 'EIO EINVAL',
  pwrite: 'EIO EINVAL',
  mmap: 'ENOMEM EINVAL',
};

/** The forms in which the tests and the fake kernel name a pair. A signal (EINTR) only repeats the call. */
const forms = [
  /failed\('(?<errno>E[A-Z]+)', '(?<call>\w+)'/g,
  /(?<errno>\bE[A-Z]{2,})\b[^\n;]*"(?<call>VFIO_[A-Z]+_\w+)"/g,
  /fail_syscall\(\w+, (?<errno>E[A-Z]+), "(?<call>\w+)"/g,
];

function* pairsIn(folder: string): Generator<[call: string, errno: string]> {
  for (const file of readdirSync(join(root, folder))) {
    if (!/\.(ts|cc|h)$/.test(file) || file.startsWith('lib-call-hints')) continue;
    const source = readFileSync(join(root, folder, file), 'utf8');
    for (const form of forms) {
      for (const { groups = {} } of source.matchAll(form)) {
        const { call = '', errno = '' } = groups;
        if (errno !== 'EINTR' && call !== 'ioctl' && call !== 'VFIO_X') yield [call, errno];
      }
    }
  }
}

const seen = [
  ...pairsIn('test/native'),
  ...pairsIn('test/unit'),
  ...pairsIn('src-native/vfio/type1'),
];
const listed = Object.entries(known).flatMap(([call, errnos]) =>
  errnos.split(' ').map((errno): [string, string] => [call, errno]),
);
const rows = Object.entries(callHints).flatMap(([call, errnos]) =>
  Object.entries(errnos).map(([errno, row]) => ({ call, errno, row })),
);

function failureOf(call: string, errno: string) {
  const isRequest = call.startsWith('VFIO_');
  const number = constants.errno[errno as keyof typeof constants.errno];
  return {
    errno: number,
    syscall: isRequest ? 'ioctl' : call,
    request: isRequest ? call : '',
    path: '/dev/vfio/12',
  };
}

function messageOf(call: string, errno: string): string {
  return thrownBy(() =>
    callNative(() => {
      throw failureOf(call, errno);
    }),
  ).message;
}

test('the sources name pairs in these forms', () => {
  expect(seen.length).toBeGreaterThan(40);
});

test.each([...new Map([...seen, ...listed].map((pair) => [pair.join(' '), pair])).values()].sort())(
  '%s %s has its hint, or its reason to have none',
  (call, errno) => {
    expect(callHints[call]).toHaveProperty(errno);
  },
);

describe('the row of', () => {
  test.each(rows)('$call $errno is what the error prints', ({ call, errno, row }) => {
    const text = typeof row === 'string' ? row : Object.values(row).join(' ');
    expect(text.length).toBeGreaterThan(20);
    expect(constants.errno).toHaveProperty(errno);
    const message = messageOf(call, errno);
    if (typeof row === 'string') {
      expect(message).toMatch(new RegExp(`^${errno}: [^\n]*, ${call} '/dev/vfio/12'\\n`));
      expect(message).toContain(row);
    } else if ('none' in row) {
      expect(message).toMatch(new RegExp(`^${errno}: [^\n]*, ${call} '/dev/vfio/12'$`));
    } else {
      const named = `${row.summary} (${errno}, ${call} '/dev/vfio/12')\n${row.hint}\nSee vfio/docs/`;
      expect(message.startsWith(named)).toBe(true);
    }
  });
});

test.each([
  ['VFIO_DEVICE_RESET', 'EIO'],
  ['VFIO_IOMMU_MAP_DMA', 'EPERM'],
  ['VFIO_DEVICE_FEATURE', 'EINVAL'],
  ['sendfile', 'EINVAL'],
  ['toString', 'EINVAL'],
])('of an unknown pair, %s %s, the error has the words of the kernel alone', (call, errno) => {
  expect(explainCall(failureOf(call, errno))).toEqual({ hint: undefined });
  expect(messageOf(call, errno)).toMatch(new RegExp(`^${errno}: [^\n]*, ${call} '/dev/vfio/12'$`));
});
