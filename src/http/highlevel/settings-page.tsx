/** @jsxImportSource hono/jsx */
import { readAsset } from '../asset.ts'

const SCRIPT = readAsset('highlevel/assets', 'settings.js', '/highlevel/settings')
const STYLE = readAsset('highlevel/assets', 'settings.css', '/highlevel/settings')
export const SETTINGS_ASSETS = new Map([
  ['settings.js', SCRIPT],
  ['settings.css', STYLE],
])

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
