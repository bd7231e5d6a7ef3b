import { DrizzleQueryError } from 'drizzle-orm'

/** A delivery whose signature is missing, wrong or too old. Nothing is stored; the sender gets 401. */
export class InvalidSignature extends Error {
  override name = 'InvalidSignature' as const
  /** `clock`: it was not looked at, because of when it was made; `missing`: there is none, as of any stranger. */
  readonly about: 'clock' | 'signature' | 'missing'

  constructor(message: string, fields: ErrorOptions & { about?: InvalidSignature['about'] } = {}) {
    super(message, fields)
    this.about = fields.about ?? 'signature'
  }
}

/** A verified delivery whose body nobody can read. Nothing is stored; the sender gets 400. */
export class MalformedEvent extends Error {
  override name = 'MalformedEvent' as const
}

/** Something a person must mend. The job ends at once and the invoice goes to `attention` with this text. */
export class PermanentError extends Error {
  override name = 'PermanentError' as const
  /** The reason code of what a person must mend. */
  readonly code: string | undefined

  constructor(
    message: string,
    { code, ...options }: ErrorOptions & { code?: string | undefined } = {},
  ) {
    super(message, options)
    this.code = code
  }
}

/** Not a failure: the same work again, not before `at`. It does not use up a run. */
export class Later extends Error {
  override name = 'Later' as const
  readonly at: Date

  constructor(message: string, at: Date) {
    super(message)
    this.at = at
  }
}

/** The service is at work on something that goes first, and did nothing. */
export class Busy extends Later {}

/**
 * Put off until `at`, and a failure all the same, unlike other work that is put off: what never gets better would be
 * done again and again at once, and nobody would hear of it.
 */
export class Failing extends Later {}

/** A call may have been carried out, and nobody knows: it is looked for at `at`. */
export class Unanswered extends Failing {}

/**
 * What is known of a call's effect. `refused`: the service answered that it did not do it.
 * `unknown`: a timeout, a reset or a 5xx; it may or may not have been done.
 */
export type Outcome = 'refused' | 'unknown'

/** Whom the bridge calls. */
export type Service = 'Lago' | 'Dodo' | 'Openfront' | 'HighLevel'

/** A service did not do, or did not say that it did, what was asked. */
export class ApiError extends Error {
  override name = 'ApiError' as const
  readonly service: Service
  readonly outcome: Outcome
  readonly status: number | undefined
  readonly code: string | undefined
  /** The service's own words, bounded. They may name a customer: for the operator's eyes, never for a log. */
  readonly detail: string
  /** The name of the key that it was asked with; undefined where the service has only one. */
  readonly askedWith: string | undefined

  constructor(fields: {
    service: Service
    call: string
    outcome: Outcome
    status?: number | undefined
    code?: string | undefined
    detail?: string | undefined
    askedWith?: string | undefined
    /** The fields of an answer that cannot be read. */
    unreadable?: string | undefined
    cause?: unknown
  }) {
    const { service, call, outcome, status, code, unreadable } = fields
    const answer = status === undefined ? 'did not answer' : `answered ${status}`
    const said = unreadable
      ? `${service}'s answer to ${call} cannot be read`
      : `${service} ${answer} to ${call}`
    super([said, unreadable ?? code].filter(Boolean).join(': '), { cause: fields.cause })
    this.service = service
    this.outcome = outcome
    this.status = status
    this.code = code
    this.detail = fit(fields.detail ?? '', MAX_DETAIL_LENGTH)
    this.askedWith = fields.askedWith
  }
}

/** The setting that says where each service is. */
const ADDRESS_OF: Record<Service, string> = {
  Lago: 'LAGO_API_URL',
  Dodo: 'DODO_API_URL',
  Openfront: 'OPENFRONT_URLS',
  HighLevel: 'HIGHLEVEL_API_URL',
}

/**
 * The address of a service answers, and is not the service: a redirect, or somebody's web page. It says
 * nothing about what was asked for, so it has no status and is never taken for a refusal of the service.
 */
export class WrongAddress extends ApiError {
  /** What a person must mend, with the name of the setting. */
  readonly remedy: string

  constructor(fields: {
    service: Service
    call: string
    outcome: Outcome
    /** What the address does, after its name: `redirects to …`. */
    what: string
  }) {
    super(fields)
    this.remedy = `${ADDRESS_OF[fields.service]} ${fields.what}`
    this.message = this.remedy
  }
}

/** An answer that is too large, too deep, or no text: what it says, and so what was done, is not known. */
export class UnreadableAnswer extends ApiError {
  constructor(fields: { service: Service; call: string; why: string }) {
    super({ ...fields, outcome: 'unknown' })
    this.message = `the answer of ${fields.service} to ${fields.call} cannot be read: ${fields.why}`
  }
}

const MAX_DETAIL_LENGTH = 300
const MAX_MESSAGE_LENGTH = 500

/** Without what neither texts nor JSON of Postgres hold: a NUL, and half a letter, as a cut leaves one. */
const fit = (text: string, most: number) => text.replaceAll('\0', '').slice(0, most).toWellFormed()

/** The text of anything thrown, bounded, fit for a log and for the database: without the values of a failed query. */
export function messageOf(error: unknown): string {
  if (error instanceof DrizzleQueryError) return `query failed: ${messageOf(error.cause)}`
  const hasMessage = typeof error === 'object' && error !== null && 'message' in error
  return fit(String(hasMessage ? error.message : error), MAX_MESSAGE_LENGTH)
}

/** The same with the service's own explanation, for the operator: a reason, never a log line. */
export function reasonOf(error: unknown): string {
  const detail = error instanceof ApiError ? error.detail : ''
  return [messageOf(error), detail].filter(Boolean).join(': ')
}

/** The reason without the service's own words, which may name a customer: for the log. */
export function loggableReasonOf(error: unknown): string {
  const isQuoting = error instanceof PermanentError && error.cause instanceof ApiError
  return messageOf(isQuoting ? error.cause : error)
}
