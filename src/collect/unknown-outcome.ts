import { ApiError } from '../errors.ts'

/** The service itself said no, so that nothing was done. */
export type Refusal = ApiError & { status: number }

/** Whether a failed call may have been carried out all the same. */
export const isUnknown = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.outcome === 'unknown'

/** Whether the service itself said no, so that nothing was done. */
export const isRefused = (error: unknown): error is Refusal =>
  error instanceof ApiError && error.outcome === 'refused' && error.status !== undefined
