/** Dodo says no: the status and the `{"code","message"}` it answers with. */
export class DodoRefusal extends Error {
  override name = 'DodoRefusal' as const
  readonly status: 400 | 401 | 404 | 409 | 410 | 422 | 429
  readonly code: string

  constructor(status: DodoRefusal['status'], code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** The object does not exist, or exists only in the other mode. */
export function notFound(what: string, id: string): DodoRefusal {
  return new DodoRefusal(404, 'NOT_FOUND', `${what} ${id} not found`)
}

/** A rule of the business was broken; Dodo documents the code but seldom the status. */
export function refused(code: string, message: string): DodoRefusal {
  return new DodoRefusal(422, code, message)
}
