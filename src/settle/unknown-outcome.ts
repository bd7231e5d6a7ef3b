import { ApiError } from '../errors.ts'

/**
 * How long a call may still take effect after it was made. While the service has not answered it may be
 * working on it; a 5xx answer ends its work, but what it did may take a moment to show in its lists.
 */
const UNANSWERED_MS = 40_000
const ANSWERED_MS = 5_000

/** Before when a call that starts now must not be made again, unless its outcome gets known. */
export const repeatableAfterStart = (startedAt: Date) =>
  new Date(startedAt.getTime() + UNANSWERED_MS)

/** The same, once the call has failed with an unknown outcome. */
export function repeatableAfterFailure(error: ApiError, startedAt: Date, failedAt: Date): Date {
  const isAnswered = error.status === 500 || error.status === 503
  return isAnswered ? new Date(failedAt.getTime() + ANSWERED_MS) : repeatableAfterStart(startedAt)
}

/** Whether a failed call may have been carried out all the same. */
export const isUnknown = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.outcome === 'unknown'

/** Whether the service itself said no, so that nothing was done. */
export const isRefused = (error: unknown): error is ApiError & { status: number } =>
  error instanceof ApiError && error.outcome === 'refused' && error.status !== undefined
