// SPDX-License-Identifier: MIT
// Runs suites or jobs side by side, a limited number at a time.

/**
 * Calls `work` for each item, `limit` of them at a time, and returns the results in the order of the items. The longest
 * items start first, so that the run does not wait for a single long item at its end. Items with `last` start after all
 * others.
 */
export async function sideBySide<
  T extends { readonly seconds: number; readonly last?: boolean },
  R,
>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Map<T, R>();
  const isLast = ({ last = false }: T) => Number(last);
  const queue = items.toSorted(
    (left, right) => isLast(left) - isLast(right) || right.seconds - left.seconds,
  );
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      results.set(item, await work(item));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, lane));
  return items.map((item) => results.get(item) as R);
}
