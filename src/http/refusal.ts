/** A request that is not served, and what its sender is told. */
export class Refusal extends Error {
  override name = 'Refusal' as const
  readonly status: 400 | 413 | 429 | 503

  constructor(status: Refusal['status'], message: string) {
    super(message)
    this.status = status
  }
}

/** How long whoever is put off is asked to wait. */
export const RETRY_AFTER_SECONDS = '5'
