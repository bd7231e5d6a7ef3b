import { invalid } from '../store/refusal.ts'

/** A query string as Rails reads it. */
export type Query = {
  /** `name=`: of a repeated one only the last counts. Blank is absent. */
  one: (name: string) => string | undefined
  /** `names[]=` or, where Lago takes either, `name=`. */
  many: (name: string, plural?: string) => string[]
  /** `name[key]=`. */
  hash: (name: string) => Map<string, string>
}

const DEFAULT_PER_PAGE = 100

/** Reads the query string of a request. */
export function readQuery(url: string): Query {
  const parameters = [...new URL(url).searchParams]
  const all = (name: string) => parameters.filter(([key]) => key === name).map(([, value]) => value)
  const one = (name: string) => all(name).at(-1) || undefined

  return {
    one,
    many: (name, plural = name) => {
      const single = one(name)
      const listed = [...all(`${plural}[]`), ...all(`${name}[]`)]
      return [...new Set(listed.length > 0 || single === undefined ? listed : [single])]
    },
    hash: (name) =>
      new Map(
        parameters.flatMap(([key, value]) => {
          const inner = key.startsWith(`${name}[`) && key.endsWith(']')
          return inner ? [[key.slice(name.length + 1, -1), value] as const] : []
        }),
      ),
  }
}

/** The values, all of them known; otherwise Lago's 422. */
export function oneOf(
  values: readonly string[],
  known: readonly string[],
  field: string,
): string[] {
  if (values.some((value) => !known.includes(value)))
    throw invalid({ [field]: ['value_is_invalid'] })
  return [...values]
}

/** One page of a list, under the list's name, with Lago's `meta`. */
export function paginate<Row>(query: Query, rows: readonly Row[]): { rows: Row[]; meta: object } {
  const perPage = positive(query.one('per_page'), DEFAULT_PER_PAGE)
  const page = positive(query.one('page'), 1)
  const totalPages = Math.ceil(rows.length / perPage)
  const isEmpty = rows.length === 0
  return {
    rows: rows.slice((page - 1) * perPage, page * perPage),
    meta: {
      current_page: isEmpty ? 0 : page,
      next_page: page < totalPages ? page + 1 : null,
      prev_page: page > 1 && !isEmpty ? page - 1 : null,
      total_pages: totalPages,
      total_count: rows.length,
    },
  }
}

function positive(text: string | undefined, otherwise: number): number {
  const value = Number(text)
  return Number.isInteger(value) && value > 0 ? value : otherwise
}
