import type { Config } from '../config.ts'

/** Lago's keys are UUIDs (lago-api `app/models/api_key.rb`), and nothing of Dodo's is. */
const OF_LAGO = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Whether the keys of both services stand in each other's place, as far as their shape tells. */
export const areExchanged = ({ lago, dodo }: Config): boolean =>
  lago.isOn && OF_LAGO.test(dodo.apiKey) && !OF_LAGO.test(lago.apiKey)

export const EXCHANGED =
  'DODO_API_KEY looks like a key of Lago: exchange the two, or copy both again'
