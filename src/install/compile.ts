import { compile } from './compiled.ts'

const messageOf = (error: unknown) =>
  typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error)

// A start from the sources is slower, and no other start: it is said, and no failure.
try {
  await compile()
} catch (error) {
  const reasons: unknown[] = error instanceof AggregateError ? error.errors : [error]
  const why = reasons.map(messageOf).join('; ')
  process.stderr.write(`not compiled, which only makes starts slower: ${why}\n`)
}
