import { parseAccept } from 'hono/utils/accept'

import { de } from './texts/de.ts'
import { en } from './texts/en.ts'
import { es } from './texts/es.ts'
import { fr } from './texts/fr.ts'
import { it } from './texts/it.ts'
import { ja } from './texts/ja.ts'
import { nl } from './texts/nl.ts'
import { pl } from './texts/pl.ts'
import { pt } from './texts/pt.ts'
import { sv } from './texts/sv.ts'
import type { Texts } from './texts/texts.ts'

/** The languages that customers are spoken to in. */
export const LANGUAGES = { en, de, fr, es, it, pt, nl, pl, sv, ja } as const satisfies Record<
  string,
  Texts
>
export type Language = keyof typeof LANGUAGES
export const LANGUAGE_NAMES = Object.keys(LANGUAGES) as Language[]

/** A language, and how dates and amounts are written in it: `en` and `en-GB`. */
export type Speech = { language: Language; locale: string; texts: Texts }

/** What is known of how somebody reads, from what says most to what says least. */
type Wishes = {
  /** Chosen by hand, just now or before. */
  chosen?: readonly (string | undefined)[]
  acceptLanguage?: string | undefined
  /** As the books write to them. */
  known?: string | null | undefined
}

const MOST_ACCEPTED = 20

/** The first of the wishes that is spoken here; English where none is. */
export function chooseSpeech({ chosen = [], acceptLanguage, known }: Wishes): Speech {
  const accepted = parseAccept((acceptLanguage ?? '').slice(0, 500))
    .slice(0, MOST_ACCEPTED)
    .toSorted((one, other) => other.q - one.q)
    .map(({ type }) => type)
  for (const tag of [...chosen, ...accepted, known ?? undefined]) {
    const speech = speak(tag)
    if (speech) return speech
  }
  return { language: 'en', locale: 'en', texts: en }
}

function speak(tag: string | undefined): Speech | undefined {
  const base = tag?.split(/[-_]/)[0]?.toLowerCase()
  const language = LANGUAGE_NAMES.find((name) => name === base)
  if (!tag || !language) return undefined
  return { language, locale: canonical(tag) ?? language, texts: LANGUAGES[language] }
}

/** Only language and region: an extension could ask for another calendar, or other digits. */
function canonical(tag: string): string | undefined {
  try {
    const { language, region } = new Intl.Locale(tag.replaceAll('_', '-'))
    return region ? `${language}-${region}` : language
  } catch {
    return undefined
  }
}

/** Puts values in. What is not given stays as it is written, and so is seen in a test. */
export const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
  )
