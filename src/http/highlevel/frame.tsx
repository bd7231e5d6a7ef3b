/** @jsxImportSource hono/jsx */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Context, MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

import { ROOT } from '../../root.ts'

/** Their address changes with what they hold. */
const FOR_EVER = 'public, max-age=31536000, immutable'

const read = (name: string, type: string) => {
  const text = readFileSync(join(ROOT, 'src/http/highlevel/assets', name), 'utf8')
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { text, type, path: `/highlevel/pay/${name}?v=${hash}` }
}
const SCRIPT = read('pay.js', 'text/javascript; charset=utf-8')
const STYLE = read('pay.css', 'text/css; charset=utf-8')
export const PAY_ASSETS = new Map([
  ['pay.js', SCRIPT],
  ['pay.css', STYLE],
])

/** A page that may be framed by anybody: sub-accounts have domains of their own. It gets nothing but from us. */
const POLICY = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ['*'],
  },
  xFrameOptions: false,
  // A frame that the platform has put in a sandbox is of no origin, ours neither.
  crossOriginResourcePolicy: 'cross-origin',
  crossOriginOpenerPolicy: false,
})

const FRAMED = /^\/highlevel\/(?:pay|session)(?:\/|$)/
export const isFramed = (path: string) => FRAMED.test(path)

/** The headers of the pay page and of what it asks. No answer holds a secret, and none depends on a cookie. */
export const framed: MiddlewareHandler = async (c, next) => {
  await POLICY(c, next)
  c.header('Access-Control-Allow-Origin', '*')
}

export const answerAsset = (c: Context, { text, type }: { text: string; type: string }) =>
  c.body(text, 200, { 'Content-Type': type, 'Cache-Control': FOR_EVER })

/** The page that HighLevel frames (its `paymentsUrl`): one button, which the script names. */
export const renderFrame = (about: { basePath: string; savesCards: boolean }) =>
  `<!DOCTYPE html>\n${(Frame(about) as { toString(): string }).toString()}`

function Frame({ basePath, savesCards }: { basePath: string; savesCards: boolean }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Payment</title>
        <link rel="stylesheet" href={`${basePath}${STYLE.path}`} />
        <script src={`${basePath}${SCRIPT.path}`} data-cards={String(savesCards)} defer />
      </head>
      <body>
        <main>
          <h1>Secure payment</h1>
          <p id="status" role="status">
            One moment …
          </p>
          <button id="pay" class="pay" type="button" hidden />
          <a id="open" class="pay" target="_blank" rel="noopener" hidden>
            Open the payment page
          </a>
          <button id="cancel" class="cancel" type="button">
            Cancel
          </button>
          <noscript>Please allow scripts to pay here.</noscript>
        </main>
      </body>
    </html>
  )
}
