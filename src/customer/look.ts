import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT } from '../root.ts'

/** Of the cards that buttons stand on, in light and in dark. */
const CARDS = { light: '#ffffff', dark: '#1e2127' } as const
const LEAST_CONTRAST = 3
const PLAIN = { light: '#1c1f24', dark: '#eceef1' } as const

const STYLE = readFileSync(join(ROOT, 'src/customer/customer.css'), 'utf8')

/** The customer's stylesheet in the merchant's colour, and its address, which changes with what it holds. */
export function createLook(color: string | undefined) {
  const css = STYLE.replaceAll(
    /\/\* (light|dark) brand \*\//g,
    (_whole, scheme: 'light' | 'dark') => declare(color, scheme),
  )
  const hash = createHash('sha256').update(css).digest('hex').slice(0, 16)
  return { css, path: `/assets/customer.css?v=${hash}` }
}

/** The same for a mail, which has no stylesheet: the colours of its button, on white. */
export function buttonOf(color: string | undefined): { ground: string; text: string } {
  const isSeen = color !== undefined && contrast(color, CARDS.light) >= LEAST_CONTRAST
  const ground = isSeen ? color : PLAIN.light
  return { ground, text: textOn(ground) }
}

/** How well a colour is seen on the card that suits it better, the light one or the dark one. */
export const contrastOf = (color: string): number =>
  Math.max(contrast(color, CARDS.light), contrast(color, CARDS.dark))

/** A colour that is hardly seen on the card makes way for ink. */
function declare(color: string | undefined, scheme: keyof typeof CARDS): string {
  const isSeen = color !== undefined && contrast(color, CARDS[scheme]) >= LEAST_CONTRAST
  const brand = isSeen ? color : PLAIN[scheme]
  return `--brand: ${brand}; --on-brand: ${textOn(brand)};`
}

/** Black or white, whichever is read better. */
const textOn = (color: string) =>
  contrast(color, '#ffffff') >= contrast(color, '#000000') ? '#ffffff' : '#000000'

/** WCAG 2.2, relative luminance. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
