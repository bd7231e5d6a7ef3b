import type { RequestStep } from '../billers/lago/decide/decide-request.ts'
import { describeStep } from './next-step.ts'
import type { RequestReport } from './payment-request.ts'

/** What will happen next to a payment request: what is decided about it, where that is known. */
export function describeNextOfRequest(request: RequestReport, step?: RequestStep): string {
  if (step === undefined || step.do === 'rest')
    return describeResting(step?.standing.state ?? request.state, request)
  return describeStep(step) ?? 'Dodo is asked how its checkout stands'
}

function describeResting(state: RequestReport['state'], { attempts }: RequestReport): string {
  switch (state) {
    case 'paid':
      return 'nothing; each invoice has its own story'
    case 'void':
      return 'nothing'
    // A request that is not paid has not failed: its invoices are pursued.
    case 'failed':
    case 'skipped':
      return 'nothing, until one of its invoices changes in Lago'
    case 'processing':
      return 'Dodo tells when the bank is done; each invoice is then paid its share'
    case 'attention':
      return 'a person mends what the state names; opening the pay link tries again'
    case 'open': {
      const live = attempts.find(({ status }) => status === 'live')
      return live?.expiresAt
        ? `the customer pays at the pay link; the checkout expires at ${live.expiresAt.toISOString()}, and the link opens a new one after that`
        : 'the customer opens the pay link, which opens a new checkout'
    }
  }
}
