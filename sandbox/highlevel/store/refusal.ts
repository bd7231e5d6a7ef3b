/** HighLevel says no: its status and `{statusCode, message, error?}`. */
export class HighlevelRefusal extends Error {
  override name = 'HighlevelRefusal' as const
  readonly status: 400 | 401 | 403 | 404 | 422 | 429
  readonly messages: readonly string[] | undefined

  constructor(status: HighlevelRefusal['status'], message: string, messages?: readonly string[]) {
    super(message)
    this.status = status
    this.messages = messages
  }
}

const NAMES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
} as const

/** The body in which a refusal is told; a 400 has no name. */
export function refusalBody({ status, message, messages }: HighlevelRefusal) {
  const told = { statusCode: status, message: messages ?? message }
  return status === 400 ? told : { ...told, error: NAMES[status] }
}
