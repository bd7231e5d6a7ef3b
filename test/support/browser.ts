import { existsSync } from 'node:fs'

import { chromium, type Browser } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

const found = [process.env['CHROMIUM'] ?? '', ...PLACES].find((path) => existsSync(path))
/** Whoever may install one has one: `.ci/run` does. */
const isRoot = process.getuid?.() === 0

/** Why there are no tests in a browser here; undefined where there are. */
export const whyNoBrowser =
  found === undefined && !isRoot
    ? 'no Chromium here: install one, or name it in CHROMIUM'
    : undefined

/** A real browser. It is the caller's to close. */
export async function openBrowser(): Promise<Browser> {
  if (found === undefined) throw new Error('install Chromium: apt-get install chromium')
  return chromium.launch({ executablePath: found, args: QUIET })
}
