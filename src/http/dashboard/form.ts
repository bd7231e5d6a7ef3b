import type { Context } from 'hono'

/** The text fields of a form; of several with one name the last, and no files. What nobody can read has none. */
export async function readForm(c: Context): Promise<Record<string, string>> {
  const body = await c.req.parseBody().catch((error: unknown) => {
    if (error instanceof TypeError) return {}
    throw error
  })
  const texts = Object.entries(body).filter((field): field is [string, string] => {
    const [, value] = field
    return typeof value === 'string'
  })
  // No text that the database holds has one.
  return Object.fromEntries(texts.map(([name, value]) => [name, value.replaceAll('\0', '')]))
}
