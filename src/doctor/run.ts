import { DatabaseError } from '../db/database-error.ts'
import { DeadlineExceeded, withDeadline } from '../deadline.ts'
import { ApiError, Later, messageOf } from '../errors.ts'
import { explainRefusal } from '../setup/explain-refusal.ts'
import { fail, skip, type Check, type Finding } from './check.ts'
import { NoLedgerYet } from '../db/open-ledger.ts'
import type { Patient } from './patient.ts'

const CHECK_MS = 15_000

/** What a check found, under its name. */
export type Diagnosis = Finding & { id: string }

/**
 * Runs all checks at the same time, each within its own limit, in the order in which they are told. One whose needs
 * are not met is skipped, with the reason.
 */
export async function runChecks(checks: readonly Check[], patient: Patient): Promise<Diagnosis[]> {
  const running = new Map<string, Promise<Finding>>()
  for (const check of checks) {
    running.set(check.id, runOne(check, { patient, resultOf: (id) => running.get(id) }))
  }
  return Promise.all(
    checks.map(async ({ id }) => ({ id, ...(await (running.get(id) ?? skip('not run'))) })),
  )
}

type Running = { patient: Patient; resultOf: (id: string) => Promise<Finding> | undefined }

async function runOne(check: Check, { patient, resultOf }: Running): Promise<Finding> {
  // Whoever is needed stands before, and has begun.
  for (const id of check.needs ?? []) {
    const needed = await resultOf(id)
    if (needed?.verdict === 'fail') return skip(`because ${id} failed`)
    if (needed?.verdict === 'skip') return skip(`because ${id} was skipped`)
  }
  try {
    const work = Promise.try(() => check.run(patient))
    return await withDeadline(check.id, check.limitMs ?? CHECK_MS, work)
  } catch (error) {
    return explain(error)
  }
}

function explain(error: unknown): Finding {
  if (error instanceof NoLedgerYet) return skip(`${error.message}: start the bridge once`)
  if (error instanceof DatabaseError) return fail(error.message, 'as the message says')
  if (error instanceof DeadlineExceeded) {
    return fail(
      messageOf(error),
      'look at the network between this machine and there, and try again',
    )
  }
  if (error instanceof ApiError || error instanceof Later) {
    const [evidence = '', ...remedy] = explainRefusal(error).split(/: (.*)/s)
    return fail(
      evidence,
      remedy.filter(Boolean).join('') || 'try again; if it stays, look at that service’s status',
    )
  }
  return fail(messageOf(error), 'this is a fault of the bridge: report it')
}
