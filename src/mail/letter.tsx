/** @jsxImportSource hono/jsx */
import { buttonOf } from '../customer/look.ts'
import type { Speech } from '../customer/language.ts'
import { LOGO_ID } from './smtp.ts'

/** What a mail says, in its customer's language; it looks the same to who reads it as plain text. */
export type Letter = {
  speech: Speech
  merchant: string
  hasLogo: boolean
  color: string | undefined
  subject: string
  /** The truth, then what comes of it. */
  paragraphs: readonly string[]
  /** Names and values: an amount, a date, or an invoice with its amount. */
  rows: readonly (readonly [string, string])[]
  action: { label: string; url: string }
  /** Where all is seen that they owe. */
  account: { label: string; url: string } | undefined
  /** Who takes the money, and whom to ask. */
  closing: readonly string[]
}

const GAP = '    '

/** As plain text. */
export function writeText({ paragraphs, rows, action, account, closing }: Letter): string {
  const width = Math.max(0, ...rows.map(([name]) => Bun.stringWidth(name)))
  const table = rows.map(
    ([name, value]) => `${GAP}${name}${' '.repeat(width - Bun.stringWidth(name))}${GAP}${value}`,
  )
  return `${[
    paragraphs.join('\n\n'),
    ...(table.length > 0 ? [table.join('\n')] : []),
    `${action.label}\n${action.url}`,
    ...(account ? [`${account.label}\n${account.url}`] : []),
    closing.join('\n'),
  ].join('\n\n')}\n`
}

const FONT = 'font-family:system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif'
const QUIET = 'color:#5b616b;font-size:14px;line-height:20px;margin:16px 0 0'
const PLAIN = 'margin:0 0 16px;font-size:16px;line-height:24px'

/** As HTML: nothing is fetched, and nobody is told that it was read. */
export function writeHtml(letter: Letter): string {
  const { speech, merchant, hasLogo, color, subject, paragraphs, action, account, closing } = letter
  const { ground, text } = buttonOf(color)
  const button = `display:inline-block;padding:12px 24px;border-radius:8px;background:${ground};color:${text};font-weight:600;text-decoration:none`
  const page = (
    <html lang={speech.locale}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light" />
        <title>{subject}</title>
      </head>
      <body style={`margin:0;padding:24px 12px;background:#f3f4f6;color:#1c1f24;${FONT}`}>
        <div
          style={`max-width:560px;margin:0 auto;background:#ffffff;border-top:4px solid ${ground};border-radius:8px;padding:24px`}
        >
          {hasLogo && (
            <img
              src={`cid:${LOGO_ID}`}
              alt=""
              style="display:block;max-height:48px;max-width:200px;margin:0 0 8px"
            />
          )}
          <p style="margin:0 0 24px;font-weight:600;font-size:16px">{merchant}</p>
          {paragraphs.map((one) => (
            <p style={PLAIN}>{one}</p>
          ))}
          <Rows letter={letter} />
          <p style="margin:24px 0">
            <a href={action.url} style={button}>
              {action.label}
            </a>
          </p>
          <p style={QUIET}>
            <a href={action.url} style="color:#5b616b;overflow-wrap:anywhere">
              {action.url}
            </a>
          </p>
          {account && (
            <p style={QUIET}>
              <a href={account.url} style="color:#1c1f24">
                {account.label}
              </a>
            </p>
          )}
          {closing.map((one) => (
            <p style={QUIET}>{one}</p>
          ))}
        </div>
      </body>
    </html>
  )
  return `<!doctype html>${(page as { toString: () => string }).toString()}`
}

function Rows({ letter: { rows } }: { letter: Letter }) {
  if (rows.length === 0) return null
  return (
    <table role="presentation" style="border-collapse:collapse;width:100%;font-size:16px">
      {rows.map(([name, value]) => (
        <tr>
          <td style="padding:8px 0;border-bottom:1px solid #e1e4e8">{name}</td>
          <td style="padding:8px 0;border-bottom:1px solid #e1e4e8;text-align:right;font-variant-numeric:tabular-nums">
            {value}
          </td>
        </tr>
      ))}
    </table>
  )
}
