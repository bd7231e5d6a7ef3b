import type { Logger } from 'pino'

type Service = 'Lago' | 'Dodo'

const KEY_OF = { Lago: 'LAGO_API_KEY', Dodo: 'DODO_API_KEY' } as const
const ADVICE = {
  Lago: 'is it of this Lago and this organisation, and was it not revoked?',
  Dodo: 'is it of the mode that DODO_ENVIRONMENT names, and was it not revoked?',
} as const

export type KeyWatch = ReturnType<typeof createKeyWatch>

/** Knows from each answer of the services whether they take our keys, and says when that changes. */
export function createKeyWatch({ log }: { log: Logger }) {
  const refused = new Set<Service>()

  function hear(service: Service, method: string, status: number) {
    const variable = KEY_OF[service]
    if (status === 401) {
      // Dodo also answers 401 when a key that may only read is to write: only a read tells that it is dead.
      if ((service === 'Dodo' && method !== 'GET') || refused.has(service)) return
      refused.add(service)
      const error = `${service} refuses ${variable} (401): ${ADVICE[service]}`
      log.error({ variable, error }, 'key refused')
    } else if (status < 500 && status !== 429 && refused.delete(service)) {
      log.info({ variable }, 'key accepted again')
    }
  }

  return {
    hear,
    refused: (service: Service) => refused.has(service),
    /** What keeps the bridge from being ready, in words. */
    missing: () =>
      [...refused].map((service) => `${service} refuses ${KEY_OF[service]}: ${ADVICE[service]}`),
  }
}
