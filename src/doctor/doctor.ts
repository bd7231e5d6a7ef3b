import type { Write } from '../print/text.ts'
import { skip, type Check } from './check.ts'
import { checksFor, CHECKS } from './checks.ts'
import { openPatient, type PatientOptions } from './patient.ts'
import { runChecks, type Diagnosis } from './run.ts'
import { writeDiagnoses } from './text.ts'

/** Where each check is explained. */
const DOCS = 'docs/operations.md#doctor'

export type DoctorOptions = {
  /** Only checks of this name, or of this family: `lago`, `dodo.webhook`. */
  only?: string | undefined
  /** Only what is not well. */
  isQuiet?: boolean
  isJson?: boolean
  isColoured?: boolean
}

/**
 * Tells of everything that setting up gets wrong, each with what was seen and what mends it. Nothing is changed. The
 * exit code is 1 if anything is broken, and 2 for a name that no check has.
 */
export async function doctor(
  options: DoctorOptions,
  patientOptions: PatientOptions,
  write: Write,
): Promise<number> {
  const checks = checksFor(patientOptions.config)
  const wanted = checks.filter(({ id }) => isWanted(id, options.only))
  if (wanted.length === 0) {
    write(`There is no check ${options.only}. There are: ${checks.map(({ id }) => id).join(', ')}`)
    return 2
  }
  const patient = openPatient(patientOptions)
  try {
    const needed = withNeeded(
      checks,
      wanted.map(({ id }) => id),
    )
    const diagnoses = await runChecks(needed, patient)
    return tell(
      diagnoses.filter(({ id }) => isWanted(id, options.only)),
      options,
      write,
    )
  } finally {
    await patient.release()
  }
}

/** The same for settings that no bridge starts with: they are what is to be mended first. */
export function refuseSettings(problems: string, options: DoctorOptions, write: Write): number {
  const diagnoses = CHECKS.map(({ id }): Diagnosis => {
    if (id !== 'settings') return { id, ...skip('because settings failed') }
    const fix = 'correct them: nothing else can be looked at before'
    return { id, verdict: 'fail', evidence: problems, fix }
  })
  return tell(diagnoses, options, write)
}

function tell(diagnoses: readonly Diagnosis[], options: DoctorOptions, write: Write): number {
  const { isJson = false, isQuiet = false, isColoured = false } = options
  if (isJson) {
    const shown = diagnoses.map(({ id, verdict, evidence, fix = null }) => ({
      id,
      verdict,
      evidence,
      fix,
      docs: DOCS,
    }))
    write(JSON.stringify(shown, undefined, 2))
  } else writeDiagnoses(diagnoses, { write, isQuiet, isColoured })
  return diagnoses.some(({ verdict }) => verdict === 'fail') ? 1 : 0
}

const isWanted = (id: string, only: string | undefined) =>
  only === undefined || id === only || id.startsWith(`${only}.`)

/** Those that are asked for, and all that they need, in the order of the list. */
function withNeeded(checks: readonly Check[], ids: readonly string[]) {
  const needed = new Set<string>()
  const add = (id: string) => {
    needed.add(id)
    for (const one of checks.find((check) => check.id === id)?.needs ?? []) add(one)
  }
  for (const id of ids) add(id)
  return checks.filter(({ id }) => needed.has(id))
}
