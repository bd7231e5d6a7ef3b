import { z } from 'zod'

import { ApiError, Later, PermanentError } from '../errors.ts'

/** Bounds every listing: a service that never ends its pages does not hold us for ever. */
export const MAX_PAGES = 1_000
export const PAGE_SIZE = 100

const Page = z.object({
  meta: z.object({ next_page: z.number().nullish(), total_count: z.number().nullish() }),
})
type Answered = Promise<{ data: unknown }>

/** What becomes of an answer that nobody can read: nothing was changed by a read, and of a write it is not known. */
type Kind = 'read' | 'write'

/** One call through the official client, with its errors in our words and its answer checked. */
export async function call<Shape extends z.ZodType>(
  what: string,
  shape: Shape,
  request: () => Answered,
  kind: Kind = 'read',
): Promise<z.infer<Shape>> {
  const { data } = await Promise.try(request).catch((thrown: unknown) => {
    throw asApiError(what, thrown)
  })
  const parsed = shape.safeParse(data)
  if (parsed.success) return parsed.data
  throw unreadable(what, parsed.error, kind)
}

/** Says which field it is, because a person must see what an older or newer Lago sends instead. */
function unreadable(what: string, error: z.ZodError, kind: Kind) {
  const detail = describeProblem(error)
  if (kind === 'read')
    return new PermanentError(`Lago's answer to ${what} cannot be read: ${detail}`)
  return new ApiError({ service: 'Lago', call: what, outcome: 'unknown', unreadable: detail })
}

/** The fields at fault, without what is in them. */
const describeProblem = ({ issues }: z.ZodError) =>
  issues
    .slice(0, MAX_NAMED)
    .map(({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`)
    .join('; ')

const MAX_NAMED = 3

/** Called with a row that cannot be read; it must not hide the others. */
type SkipRow = (list: string, row: unknown, problem: string) => void

/**
 * A whole list, page by page. `skip` is left out where a row that is missed would be made again; then the list is
 * as good as its worst row.
 */
export async function listAll<Item extends z.ZodType>(
  name: string,
  item: Item,
  fetchPage: (page: number) => Answered,
  { skip, maxPages = MAX_PAGES }: { skip?: SkipRow; maxPages?: number } = {},
): Promise<z.infer<Item>[]> {
  const all: z.infer<Item>[] = []
  for (let page = 1; page <= maxPages; page += 1) {
    const { rows, isLast } = await readRows(name, item, () => fetchPage(page), skip)
    all.push(...rows)
    if (isLast) break
  }
  return all
}

/** One page of a list. */
export async function readRows<Item extends z.ZodType>(
  name: string,
  item: Item,
  fetchPage: () => Answered,
  skip?: SkipRow,
): Promise<{ rows: z.infer<Item>[]; isLast: boolean }> {
  const { rows, isLast } = await readPage(name, fetchPage)
  return { rows: rows.flatMap((row) => readRow(name, item, row, skip)), isLast }
}

/** One page of a list, its rows unread, and how many rows there are in all as far as Lago says. */
export async function readPage(name: string, fetchPage: () => Answered) {
  const shape = Page.and(z.object({ [name]: z.array(z.unknown()) }))
  const answer = await call(`list ${name}`, shape, fetchPage)
  const rows = answer[name] as unknown[]
  // Lago's counts are cached and only a hint: an empty page ends the list as well.
  const isLast = rows.length === 0 || !answer.meta.next_page
  return { rows, isLast, count: answer.meta.total_count ?? undefined }
}

function readRow<Item extends z.ZodType>(
  name: string,
  item: Item,
  row: unknown,
  skip: SkipRow | undefined,
): z.infer<Item>[] {
  const parsed = item.safeParse(row)
  if (parsed.success) return [parsed.data]
  if (!skip) throw unreadable(`list ${name}`, parsed.error, 'read')
  skip(name, row, describeProblem(parsed.error))
  return []
}

/** What was asked for, or undefined when Lago does not have it. */
export async function orUndefined<Value>(found: Promise<Value>): Promise<Value | undefined> {
  try {
    return await found
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Whether there is no such thing, or no such route. */
export const isMissing = (error: unknown) => error instanceof ApiError && error.status === 404

const ErrorBody = z.object({
  code: z.string().optional(),
  error: z.string().optional(),
  error_details: z.unknown().optional(),
})

/** What the client could not read as JSON, by the answer that it throws. */
const texts = new WeakMap<Response, string>()

/** The fetch for the official client, which forgets the text of a refusal that is not JSON. */
export const keepTexts = (fetch: typeof globalThis.fetch): typeof globalThis.fetch =>
  (async (...args: Parameters<typeof fetch>) => {
    const response = await fetch(...args)
    if (!response.ok) texts.set(response, await response.clone().text())
    return response
  }) as typeof globalThis.fetch

/** The client throws the `Response` itself, with the parsed body as `error`. */
function asApiError(what: string, thrown: unknown): unknown {
  if (thrown instanceof ApiError || thrown instanceof Later) return thrown
  if (!(thrown instanceof Response)) {
    return new ApiError({ service: 'Lago', call: what, outcome: 'unknown', cause: thrown })
  }
  const given = (thrown as Response & { error?: unknown }).error
  const parsed = ErrorBody.safeParse(given)
  const { code, error, error_details: details } = parsed.data ?? {}
  const detail = details === undefined ? error : JSON.stringify(details)
  return new ApiError({
    service: 'Lago',
    call: what,
    outcome: thrown.status === 408 ? 'unknown' : 'refused',
    status: thrown.status,
    code,
    detail: detail ?? plainText(texts.get(thrown)) ?? EMPTY[thrown.status],
  })
}

/** What an answer without a word most likely means. */
const EMPTY: Record<number, string> = {
  401: 'LAGO_API_KEY is not a key of this Lago',
  403: 'LAGO_API_KEY may not do this',
}

/** The words of an error page or a plain text; undefined when there are none. */
function plainText(body: string | undefined): string | undefined {
  const words = (body ?? '')
    .slice(0, MAX_TEXT)
    .replaceAll(/<(style|script|head)[\s\S]*?<\/\1>/gi, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return words === '' ? undefined : words
}

const MAX_TEXT = 4_000
