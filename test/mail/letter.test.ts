import { describe, expect, test } from 'bun:test'
import { fileURLToPath } from 'node:url'

import { chooseSpeech, LANGUAGE_NAMES } from '../../src/customer/language.ts'
import type { MailText } from '../../src/customer/texts/texts.ts'
import type { About } from '../../src/mail/about.ts'
import { writeHtml, writeText } from '../../src/mail/letter.tsx'
import { messageIdOf, senderOf } from '../../src/mail/send.ts'
import { writeLetter } from '../../src/mail/write-letter.ts'
import { openSink } from './support.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const KINDS: MailText[] = [
  'invoice',
  'failed',
  'confirm',
  'card',
  'cardEnds',
  'soon',
  'overdue',
  'request',
  'account',
]
const MARKUP = '<img src=x onerror=alert(1)>"&'

const letterOf = (text: MailText, language: string, merchant = 'Acme') => {
  const sum = { amount: 10_800, currency: 'USD' }
  const isDunning = text === 'failed' || text === 'confirm'
  const about: About = {
    text,
    number: 'ACM-001',
    billingEntity: null,
    sum: text.startsWith('card') ? null : sum,
    dueOn: text.startsWith('card') ? null : '2026-12-17',
    ...(text === 'cardEnds' && { month: '2027-01' }),
    decline: isDunning ? 'funds' : undefined,
    againAt: isDunning ? new Date('2026-12-20T09:00:00Z') : undefined,
    list: [{ number: MARKUP, sum }],
    payUrl: 'https://bridge.example/pay/abc',
  }
  return writeLetter({
    about,
    speech: chooseSpeech({ known: language }),
    timezone: 'Asia/Tokyo',
    merchant,
    brand: {
      name: merchant,
      supportEmail: 'help@acme.example',
      supportUrl: undefined,
      logo: undefined,
    },
    color: '#ffee00',
    accountUrl: 'https://bridge.example/account/def',
  })
}

describe.each(LANGUAGE_NAMES)('a mail in %s', (language) => {
  test.each(KINDS)('about %s leaves nothing unsaid, as text and as HTML', (kind) => {
    const letter = letterOf(kind, language)
    const [text, html] = [writeText(letter), writeHtml(letter)]

    for (const one of [letter.subject, text, html])
      expect(one).not.toMatch(/\{\w+\}|undefined|\bnull\b/)
    for (const one of [text, html]) {
      expect(one).toContain('https://bridge.example/pay/abc')
      expect(one).toContain('https://bridge.example/account/def')
      expect(one).toContain('help@acme.example')
    }
    expect(html).toStartWith(`<!doctype html><html lang="${language}">`)
  })
})

test('markup in a name stays text, and nothing is fetched by reading', () => {
  const html = writeHtml(letterOf('request', 'en', MARKUP))

  expect(html).not.toContain('<img')
  expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&amp;')
  expect(html.match(/(?:src|href)="(?!https:\/\/bridge\.example)[^"]*"/g)).toBeNull()
})

test('a colour that is hardly seen on white makes way for ink', () => {
  expect(writeHtml(letterOf('invoice', 'en'))).toContain('background:#1c1f24;color:#ffffff')
})

test('a name makes no other header, and an occasion always the same id', () => {
  const mail = { kind: 'invoice', subject: 'inv_1', occasion: '' } as const

  expect(senderOf('Acme "\r\nBcc: all', 'billing@acme.example')).toBe(
    '"Acme Bcc: all" <billing@acme.example>',
  )
  expect(messageIdOf(mail, 'https://bridge.example/x')).toMatch(/^<[0-9a-f]{32}@bridge\.example>$/)
  expect(messageIdOf({ ...mail, occasion: '1' }, 'https://b.example')).not.toBe(
    messageIdOf(mail, 'https://b.example'),
  )
})

test('bridge mail-test sends one, and prints what the server answers', async () => {
  const sink = await openSink()
  const run = async (env: Record<string, string>, ...args: string[]) => {
    const child = Bun.spawn(['bun', '--no-env-file', CLI, 'mail-test', ...args], {
      env: {
        PATH: process.env['PATH'] ?? '',
        LAGO_API_KEY: 'a-key',
        LAGO_WEBHOOK_HMAC_KEY: 'a-token',
        DODO_API_KEY: 'a-key',
        DODO_WEBHOOK_SECRET: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
        MAIL_FROM: 'Acme <billing@acme.example>',
        ...env,
      },
      cwd: '/',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
    return { out, err, exitCode: await child.exited }
  }
  const env = { SMTP_URL: sink.url }
  const sent = await run(env, 'me@acme.example', '--kind', 'failed', '--language', 'sv')
  const wrong = await run(env, 'me@acme.example', '--kind', 'receipt')
  sink.behaviour.recipient = () => Object.assign(new Error('no relaying'), { responseCode: 554 })
  const refused = await run(env, 'me@acme.example')
  const off = await run({}, 'me@acme.example')
  await sink.close()

  expect(sent).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/^127\.0\.0\.1:\d+ took it: 250/),
  })
  expect(sink.mails.map(({ subject }) => subject)).toEqual([
    'Faktura TEST-001: betalningen gick inte igenom',
  ])
  expect(wrong).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining('--kind: write invoice'),
  })
  expect(refused).toMatchObject({ exitCode: 1, out: expect.stringContaining('no relaying') })
  expect(off).toMatchObject({ exitCode: 1, out: 'No mail leaves: set SMTP_URL and MAIL_FROM.\n' })
})
