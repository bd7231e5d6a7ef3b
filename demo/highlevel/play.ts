import { readFile } from 'node:fs/promises'

import { messageOf } from '../../src/errors.ts'
import { StepFailed, type Narrator } from '../narrator.ts'
import type { CleanUps } from '../stage.ts'
import { createBuyer } from './buyer.ts'
import { openHighlevelStage, type HighlevelStage } from './stage.ts'
import { tellHighlevelStory } from './story.ts'

const DEFAULT_PORT = 3000
const INTERRUPTED = 130
const SHOWN_WARNINGS = 5

type Playing = {
  narrator: Narrator
  cleanUps: CleanUps
  isToExit: boolean
  interrupted: Promise<'interrupted'>
}

/** The demonstration for agencies: HighLevel, Dodo and the bridge between them. Returns its exit code. */
export async function playHighlevel({ narrator, cleanUps, isToExit, interrupted }: Playing) {
  const opening = openHighlevelStage(
    { port: Number(process.env['PORT']) || DEFAULT_PORT },
    cleanUps,
  )
  const played = opening.then((stage) => tell(stage, narrator))
  const outcome = await Promise.race([played.catch(toError), interrupted])
  const stage = await opening.catch(() => undefined)
  if (outcome instanceof Error) await explain(narrator, outcome, stage)
  else if (outcome !== 'interrupted' && !isToExit && stage) {
    invite(narrator, stage)
    await interrupted
  }
  narrator.say('\nStopping, and removing everything that was started …')
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  if (outcome === 'interrupted') return INTERRUPTED
  return outcome instanceof Error ? 1 : 0
}

const toError = (error: unknown) => (error instanceof Error ? error : new Error(messageOf(error)))

async function tell(stage: HighlevelStage, narrator: Narrator): Promise<'told'> {
  narrator.chapter('HighLevel, Dodo Payments and the bridge between them, on this machine')
  narrator.say('  Real payloads over real HTTP, and no real money: both services are sandboxes.')
  narrator.say()
  narrator.show(
    `HighLevel ${stage.highlevelUrl}/sandbox`,
    `Dodo      ${stage.dodoUrl}/sandbox`,
    `Bridge    ${stage.bridgeUrl}`,
    `its log   ${stage.logFile}`,
  )
  await tellHighlevelStory({ stage, narrator, buyer: createBuyer(stage) })
  return 'told'
}

/** The log goes with everything else, so what it says of the failure is shown first. */
async function explain(
  { say, paint }: Narrator,
  error: Error,
  stage: HighlevelStage | undefined,
): Promise<void> {
  const text = error instanceof StepFailed ? error.message : messageOf(error)
  for (const line of text.split('\n')) say(`    ${paint('red', line)}`)
  if (!stage) return
  const log = await readFile(stage.logFile, 'utf8')
  const troubles = log.split('\n').filter((line) => /"level":[456]0/.test(line))
  for (const line of troubles.slice(-SHOWN_WARNINGS)) say(`    ${line}`)
}

function invite({ say, show, chapter }: Narrator, stage: HighlevelStage) {
  chapter('Every step did what it says. Now it is yours')
  say('  Create a sale in HighLevel, follow the link of its transaction, and pay in the page:')
  show(`${stage.highlevelUrl}/sandbox`)
  say('  Ask the bridge what it knows of its orders:')
  show(`curl -H 'Authorization: Bearer ${stage.keys.admin}' ${stage.bridgeUrl}/api/orders`)
  say(`  Its log is ${stage.logFile}. Ctrl-C ends everything and removes it.`)
}
