/** Whether two lists hold the same names, in whatever order. */
export const sameMembers = (some: readonly string[], others: readonly string[]): boolean =>
  new Set(some).symmetricDifference(new Set(others)).size === 0
