/** Columns of floating point: Rails prints 20 as `20.0` there, and nowhere else. */
const FLOAT_KEYS: ReadonlySet<string> = new Set(['taxes_rate', 'tax_rate'])

const ESCAPED: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/**
 * JSON as Rails writes it. Whoever verifies a signature over a text serialised anew, rather than
 * over the bytes received, must fail here as with the real Lago.
 */
export function railsJson(value: unknown): string {
  return render(value, '')
}

function render(value: unknown, key: string): string {
  if (Array.isArray(value)) return `[${value.map((item) => render(item, key)).join(',')}]`
  if (typeof value === 'string') return railsString(value)
  if (typeof value === 'number' && FLOAT_KEYS.has(key) && Number.isInteger(value)) {
    return value.toFixed(1)
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)

  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => `${railsString(name)}:${render(member, name)}`)
  return `{${members.join(',')}}`
}

function railsString(text: string): string {
  return JSON.stringify(text).replaceAll(/[<>&\u2028\u2029]/g, (found) => ESCAPED[found] ?? found)
}
