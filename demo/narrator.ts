/** A step did not do what it says. The demonstration ends here, with exit code 1. */
export class StepFailed extends Error {
  override name = 'StepFailed' as const

  constructor(expected: string, seen: string) {
    super(`expected  ${expected}\nseen      ${seen}`)
  }
}

export type Narrator = ReturnType<typeof createNarrator>

const STEP_MS = 30_000
const TEXT_WIDTH = 96
const COLOURS = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const

/** Tells what happens, a line for each step once it has been seen to happen. */
export function createNarrator(write: (text: string) => void, isTerminal: boolean) {
  const paint = (colour: keyof typeof COLOURS, text: string) =>
    isTerminal ? `\u001B[${COLOURS[colour]}m${text}\u001B[0m` : text
  const say = (line = '') => write(`${line}\n`)

  const chapter = (title: string) => {
    say()
    say(paint('bold', title))
  }
  const show = (...lines: string[]) => {
    for (const line of lines) say(`    ${paint('cyan', line)}`)
  }

  /** Does one thing. `claim` is what it is to be, or, given its result, what it has been. */
  async function step<Result>(
    claim: string,
    act: () => Promise<Result>,
    tell: (result: Result, tookMs: number) => string = () => claim,
  ): Promise<Result> {
    const startedAtMs = performance.now()
    try {
      const result = await withDeadline(act(), claim)
      const tookMs = performance.now() - startedAtMs
      const text = tell(result, tookMs).padEnd(TEXT_WIDTH)
      say(`  ${paint('green', '✓')} ${text} ${paint('dim', describeMs(tookMs))}`)
      return result
    } catch (error) {
      say(`  ${paint('red', '✗')} ${claim}`)
      throw error
    }
  }
  return { say, chapter, show, step, paint }
}

async function withDeadline<Result>(work: Promise<Result>, claim: string): Promise<Result> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new StepFailed(claim, `nothing of the kind within ${describeMs(STEP_MS)}`)),
    STEP_MS,
  )
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** "0.14 s" */
export const describeMs = (ms: number) => `${(ms / 1_000).toFixed(2)} s`
