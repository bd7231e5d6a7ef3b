/** What was asked did not answer in time; whether it was carried out is not known. */
export class DeadlineExceeded extends Error {
  override name = 'DeadlineExceeded' as const
}

/** The result, or `DeadlineExceeded` when it takes longer: a caller who waits for us must get an answer. */
export async function withDeadline<Value>(
  what: string,
  deadlineMs: number,
  work: Promise<Value>,
): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new DeadlineExceeded(`${what} took longer than ${deadlineMs} ms`)),
    deadlineMs,
  )
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
