/** Lago will not do it: the status and the body it answers with. Anything else is a fault of ours. */
export class LagoRefusal extends Error {
  override name = 'LagoRefusal' as const
  readonly status: 400 | 401 | 403 | 404 | 405 | 422 | 500
  readonly body: Record<string, unknown>

  constructor(status: LagoRefusal['status'], body: Record<string, unknown>) {
    super(`Lago answered ${status} ${JSON.stringify(body).slice(0, 200)}`)
    this.status = status
    this.body = body
  }
}

export type ErrorDetails = Record<string, readonly string[]>

/** The request lacks the object it should have carried. */
export function missingRoot(root: string): LagoRefusal {
  const error = `BadRequest: param is missing or the value is empty or invalid: ${root}`
  return new LagoRefusal(400, { status: 400, error })
}

/** The key is missing or wrong. */
export function unauthorized(): LagoRefusal {
  return new LagoRefusal(401, { status: 401, error: 'Unauthorized' })
}

/** No licence, or (under the same code) a state that forbids it. */
export function featureUnavailable(): LagoRefusal {
  return new LagoRefusal(403, { status: 403, error: 'Forbidden', code: 'feature_unavailable' })
}

/** There is no such thing, or it is not to be seen. */
export function notFound(resource: string): LagoRefusal {
  return new LagoRefusal(404, { status: 404, error: 'Not Found', code: `${resource}_not_found` })
}

/** The state of the object forbids it; not about the HTTP verb. */
export function notAllowed(code: string): LagoRefusal {
  return new LagoRefusal(405, { status: 405, error: 'Method Not Allowed', code })
}

/** The values do not pass validation. */
export function invalid(errorDetails: ErrorDetails): LagoRefusal {
  return new LagoRefusal(422, {
    status: 422,
    error: 'Unprocessable Entity',
    code: 'validation_errors',
    error_details: errorDetails,
  })
}

/** Lago itself breaks on the request. */
export function crash(): LagoRefusal {
  return new LagoRefusal(500, { status: 500, error: 'Internal Server Error' })
}
