/** @jsxImportSource hono/jsx */
import type { MiddlewareHandler } from 'hono'

import { readAsset } from '../asset.ts'
import { framedByAnybody } from './framed-by-anybody.ts'

const SCRIPT = readAsset('highlevel/assets', 'pay.js', '/highlevel/pay')
const STYLE = readAsset('highlevel/assets', 'pay.css', '/highlevel/pay')
export const PAY_ASSETS = new Map([
  ['pay.js', SCRIPT],
  ['pay.css', STYLE],
])

const FRAMED = /^\/highlevel\/(?:pay|session)(?:\/|$)/
export const isFramed = (path: string) => FRAMED.test(path)

/** The headers of the pay page and of what it asks. No answer holds a secret, and none depends on a cookie. */
export const framed: MiddlewareHandler = async (c, next) => {
  await framedByAnybody(c, next)
  c.header('Access-Control-Allow-Origin', '*')
}

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
