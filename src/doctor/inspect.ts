import type { Config } from '../config.ts'
import type { Fetch } from '../vendor-fetch.ts'
import type { Check } from './check.ts'
import { checksFor } from './checks.ts'
import { embedded } from './database.ts'
import { openPatient } from './patient.ts'
import { runChecks, type Diagnosis } from './run.ts'

/** However many look, both services are asked this often. */
const KEPT_MS = 60_000
/** A running bridge has begun with its settings; a webhook of our own is a side effect. */
const NOT_HERE = ['settings', 'body_limit', 'proxy_body']

/** What a check found, and when it was last well, as far as this process knows. */
export type Inspected = Diagnosis & { lastGoodAt: Date | null }
export type Inspection = { at: Date; checks: Inspected[] }
export type Inspect = () => Promise<Inspection>

/**
 * The checks of `doctor` that leave nothing behind, from inside a running bridge, at most once a minute. They are
 * asked for by people who look: nothing runs while nobody does.
 */
export function createInspect(options: {
  config: Config
  isPublicUrlGiven: boolean
  /** Where the ledger is, an embedded one as well. */
  databaseUrl: string
  fetch: Fetch
  now: () => Date
}): Inspect {
  const { config, databaseUrl, now } = options
  const lastGood = new Map<string, Date>()
  let kept: { untilMs: number; inspection: Promise<Inspection> } | undefined

  // The ledger is joined as it runs; which one it is, the settings say.
  const checks = checksFor(config)
    .filter(({ id }) => !NOT_HERE.includes(id))
    .map((check): Check => {
      if (check !== embedded) return { ...check, needs: check.needs?.filter(isHere) ?? [] }
      return { ...check, run: (patient) => check.run({ ...patient, config }) }
    })

  async function inspect(): Promise<Inspection> {
    const at = now()
    const patient = openPatient({
      ...options,
      config: { ...config, databaseUrl },
      doubts: [],
      given: [],
    })
    try {
      const diagnoses = await runChecks(checks, patient)
      for (const { id, verdict } of diagnoses) if (verdict === 'ok') lastGood.set(id, at)
      return {
        at,
        checks: diagnoses.map((one) => ({ ...one, lastGoodAt: lastGood.get(one.id) ?? null })),
      }
    } finally {
      await patient.release()
    }
  }

  return function inspectOnce() {
    if (kept && performance.now() < kept.untilMs) return kept.inspection
    const inspection = inspect()
    const mine = { untilMs: performance.now() + KEPT_MS, inspection }
    kept = mine
    inspection.catch(() => {
      if (kept === mine) kept = undefined
    })
    return inspection
  }
}

const isHere = (id: string) => !NOT_HERE.includes(id)
