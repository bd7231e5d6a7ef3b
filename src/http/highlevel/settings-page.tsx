/** @jsxImportSource hono/jsx */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

import { ROOT } from '../../root.ts'

const read = (name: string, type: string) => {
  const text = readFileSync(join(ROOT, 'src/http/highlevel/assets', name), 'utf8')
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { text, type, path: `/highlevel/settings/${name}?v=${hash}` }
}
const SCRIPT = read('settings.js', 'text/javascript; charset=utf-8')
const STYLE = read('settings.css', 'text/css; charset=utf-8')
export const SETTINGS_ASSETS = new Map([
  ['settings.js', SCRIPT],
  ['settings.css', STYLE],
])

/** Framed by HighLevel, also under the domains of agencies; it gets nothing but from us, and has no cookie. */
export const framedSettings: MiddlewareHandler = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    // The script answers forms: a key that is typed in never becomes part of an address.
    formAction: ["'none'"],
    frameAncestors: ['*'],
  },
  xFrameOptions: false,
  crossOriginResourcePolicy: 'cross-origin',
  crossOriginOpenerPolicy: false,
})

export const isSettings = (path: string) => /^\/highlevel\/settings(?:\/|$)/.test(path)

/** The custom page of the app; `basePath` is that of `PUBLIC_URL`. */
export const renderSettings = (basePath: string) =>
  `<!DOCTYPE html>\n${(Settings({ basePath }) as { toString(): string }).toString()}`

function Settings({ basePath }: { basePath: string }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Dodo Payments</title>
        <link rel="stylesheet" href={`${basePath}${STYLE.path}`} />
        <script src={`${basePath}${SCRIPT.path}`} data-base={basePath} defer />
      </head>
      <body>
        <main>
          <h1>Dodo Payments</h1>
          <p id="status" role="status" class="soft">
            One moment …
          </p>
          <div id="content" hidden />
          <noscript>Please allow scripts for this page.</noscript>
        </main>
      </body>
    </html>
  )
}
