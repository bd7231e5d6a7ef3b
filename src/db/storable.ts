/** Whether the database can be asked about a moment: it counts no year 0, and what lies beyond four digits nobody means. */
export function isStorable(at: Date): boolean {
  const year = at.getUTCFullYear()
  return year >= 1 && year <= 9_999
}
