// SPDX-License-Identifier: MIT
// Runs suites side by side, as many as there are processors.

/**
 * Does `work` on every item, `limit` of them at a time, and gives the results in the order of the items.
 * What takes longest begins first: left to the end, all would wait for it alone. What is to be last begins after all.
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
