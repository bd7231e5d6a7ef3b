import { z } from 'zod'

import { COMMAND_LINE } from '../collect/record-action.ts'
import type { Deps } from '../deps.ts'
import { JOB_KINDS } from '../jobs.ts'
import { BadOption } from '../print/bad-option.ts'
import { alignColumns, count, type Write } from '../print/text.ts'
import { forgetDeadLetters, listDeadLetters, redrive } from './dead-letters.ts'
import { Filter, type Outcome } from './filter.ts'
import { countReplayable, MAX_REPLAYED, replay, replayAll, type Replayed } from './replay.ts'
import { SOURCES } from '../webhook-sources.ts'

type Commanding = Pick<Deps, 'db' | 'queue' | 'now'>

const TOLD: Record<Replayed, string> = {
  queued: 'is put through again: what it is about is looked at next.',
  kept: 'is about nothing of ours: there is nothing to look at.',
  emptied: 'is empty: its body was let go of, and nothing is left to read.',
  unknown: 'never came.',
}
const deliveries = (number: number) => count(number, 'delivery', 'deliveries')

/** Puts one delivery through again. The exit code is 1 where there is nothing to put through. */
export async function replayOne(
  deps: Commanding,
  [source, deliveryId]: readonly [string, string],
  write: Write,
): Promise<number> {
  const parsed = z.enum(SOURCES).safeParse(source)
  if (!parsed.success)
    throw new BadOption(`${source} sends no webhooks: write lago or dodo, or highlevel`)
  const outcome = await replay(deps, { source: parsed.data, deliveryId }, COMMAND_LINE)
  write(`Delivery ${deliveryId} of ${source} ${TOLD[outcome]}`)
  return outcome === 'queued' || outcome === 'kept' ? 0 : 1
}

export type ReplayOptions = {
  source?: string
  event?: string
  outcome?: Outcome
  about?: string
  since?: string
  until?: string
  dryRun: boolean
}

/** Puts all deliveries that match through again, or says how many they are. */
export async function replayMany(
  deps: Commanding,
  { dryRun, ...given }: ReplayOptions,
  write: Write,
): Promise<number> {
  if (Object.keys(given).length === 0)
    throw new BadOption(
      'say which: a source and an id, or --since, --event, --source, --outcome, --about',
    )
  const filter = readOptions(Filter, given)
  const { deliveries: matching, subjects } = await countReplayable(deps, filter)
  write(
    `${deliveries(matching)} about ${count(subjects, 'thing')}. Replaying looks at them again; nothing is charged, recorded or refunded twice.`,
  )
  if (dryRun || matching === 0) return 0
  const counted = await replayAll(deps, filter, COMMAND_LINE)
  if (!counted) {
    write(`More than ${MAX_REPLAYED}: narrow it.`)
    return 1
  }
  write(
    `${counted.queued} put through again, ${counted.kept} about nothing of ours, ${counted.emptied} empty by now.`,
  )
  return 0
}

const Dead = z.object({
  kind: z.enum(JOB_KINDS, `write ${JOB_KINDS.join(', ')}`).optional(),
  key: z.string().optional(),
  redrive: z.boolean().default(false),
  forget: z.string().min(1, 'say why').optional(),
})
export type DeadOptions = z.input<typeof Dead>

/** Lists the jobs that gave up, or runs them again, or puts them away. The exit code is 1 if any are left. */
export async function deadLetters(
  deps: Commanding,
  given: DeadOptions,
  write: Write,
): Promise<number> {
  const { redrive: isRedriving, forget: reason, ...filter } = readOptions(Dead, given)
  if (isRedriving && reason !== undefined) throw new BadOption('--redrive or --forget, not both')
  if (isRedriving) {
    write(`${count(await redrive(deps, filter, COMMAND_LINE), 'job')} run again.`)
    return 0
  }
  if (reason !== undefined) {
    const forgotten = await forgetDeadLetters(deps, filter, { reason, actor: COMMAND_LINE })
    write(`${count(forgotten, 'job')} put away.`)
    return 0
  }
  const { items, count: all } = await listDeadLetters(deps.db, filter)
  if (all === 0) {
    write('No job has given up.')
    return 0
  }
  write(`${count(all, 'job')} gave up:`)
  const rows = items.map(({ kind, key, buriedAt, error }) => [
    kind,
    key,
    buriedAt.toISOString(),
    error,
  ])
  for (const line of alignColumns(rows)) write(line)
  if (all > items.length) write(`  … and ${all - items.length} more`)
  return 1
}

function readOptions<Shape extends z.ZodType>(shape: Shape, given: unknown): z.infer<Shape> {
  const parsed = shape.safeParse(given)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new BadOption(`--${String(issue?.path[0] ?? '')}: ${issue?.message ?? 'not understood'}`)
}
