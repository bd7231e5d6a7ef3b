import type { Patient } from './patient.ts'

export type Verdict = 'ok' | 'warn' | 'fail' | 'skip'

/** What a check saw, so that a person may disagree with it, and what mends it. */
export type Finding = { verdict: Verdict; evidence: string; fix?: string }

/** One question that is asked of the installation. It changes nothing. */
export type Check = {
  /** Stable: `--only`, `--json` and the documentation name it. */
  id: string
  /** Without them it cannot run. */
  needs?: readonly string[]
  limitMs?: number
  run: (patient: Patient) => Promise<Finding> | Finding
}

export const ok = (evidence: string): Finding => ({ verdict: 'ok', evidence })
export const warn = (evidence: string, fix: string): Finding => ({ verdict: 'warn', evidence, fix })
export const fail = (evidence: string, fix: string): Finding => ({ verdict: 'fail', evidence, fix })
/** There is nothing to look at here. */
export const skip = (evidence: string): Finding => ({ verdict: 'skip', evidence })
