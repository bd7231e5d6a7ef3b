import { PLANTED } from './planted.ts'
import { copyTree } from './tree.ts'

type PlantedResult = { rule: string; what: string; isNamed: boolean; isRed: boolean; said: string }

/** Plants each bug by itself, and asks whether the oracle names the rule that it breaks. */
export async function runPlanted({
  isWanted,
  untilMs,
  onResult,
  tick,
}: {
  isWanted: (rule: string) => boolean
  untilMs: number
  onResult: (result: PlantedResult) => void
  tick: (runs: number, planned: number) => void
}): Promise<{ planned: number; done: PlantedResult[] }> {
  const tree = await copyTree()
  const wanted = PLANTED.filter(({ rule }) => isWanted(rule))
  const done: PlantedResult[] = []
  try {
    for (const bug of wanted) {
      if (performance.now() > untilMs) break
      const mend = await tree.edit(bug)
      const { isRed, said } = await (bug.walk === undefined
        ? tree.test([bug.tests[0], '-t', bug.tests[1]], { isWhole: true })
        : tree.run(['proof/mutation/walk.ts', bug.walk]))
      await mend()
      const isNamed = new RegExp(`\\b${bug.rule}: `).test(said)
      const result = { rule: bug.rule, what: bug.what, isNamed, isRed, said }
      done.push(result)
      onResult(result)
      tick(done.length, wanted.length)
    }
  } finally {
    await tree.remove()
  }
  return { planned: wanted.length, done }
}
