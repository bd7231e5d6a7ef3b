/** @jsxImportSource hono/jsx */
import type { Child } from 'hono/jsx'

import { LANGUAGE_NAMES, LANGUAGES } from '../../customer/language.ts'
import { assetPath } from '../assets.ts'
import type { Surroundings } from './surroundings.ts'

type Frame = {
  around: Surroundings
  title: string
  /** Where a language is chosen; undefined where there is no page to come back to. */
  here: string | undefined
  hasScript?: boolean | undefined
  /** What a question would be about: the subject of the mail that asks it. */
  about?: string | undefined
  children?: Child
}

/** A whole page, as it is sent. */
export const renderCustomerPage = (frame: Frame): string =>
  `<!DOCTYPE html>\n${(Document(frame) as { toString(): string }).toString()}`

function Document({ around, title, here, hasScript, about, children }: Frame) {
  const { basePath, stylePath, speech, brand } = around
  const { texts, language } = speech
  return (
    <html lang={language}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{brand.name ? `${title} · ${brand.name}` : title}</title>
        <link rel="stylesheet" href={stylePath} />
        {hasScript && (
          <script type="module" src={`${basePath}${assetPath('customer.js')}`}></script>
        )}
      </head>
      <body>
        <a class="skip" href="#main">
          {texts.page.skip}
        </a>
        <header>
          <p class="merchant">
            {brand.logo && <img src={`${basePath}${brand.logo.path}`} alt="" />}
            {brand.name ?? ''}
          </p>
          {here !== undefined && <Languages around={around} here={here} />}
        </header>
        <main id="main" tabindex={-1}>
          {children}
        </main>
        <p class="unseen" role="status" id="said"></p>
        <Foot around={around} about={about} />
      </body>
    </html>
  )
}

function Languages({ around, here }: { around: Surroundings; here: string }) {
  const { texts, language } = around.speech
  return (
    <form method="get" action={here} class="language">
      <label class="unseen" for="lang">
        {texts.page.language}
      </label>
      <select id="lang" name="lang">
        {LANGUAGE_NAMES.map((name) => (
          <option value={name} lang={name} selected={name === language}>
            {LANGUAGES[name].name}
          </option>
        ))}
      </select>
      <button class="way" type="submit">
        {texts.page.change}
      </button>
    </form>
  )
}

function Foot({ around, about }: Pick<Frame, 'around' | 'about'>) {
  const { brand, settings, speech } = around
  const { page } = speech.texts
  const { supportEmail, supportUrl } = brand
  const subject = about === undefined ? '' : `?subject=${encodeURIComponent(about)}`
  const ways: [string, string][] = [
    ...(supportUrl ? [[supportUrl, page.questions] as [string, string]] : []),
    ...(settings.termsUrl ? [[settings.termsUrl, page.terms] as [string, string]] : []),
    ...(settings.privacyUrl ? [[settings.privacyUrl, page.privacy] as [string, string]] : []),
  ]
  return (
    <footer>
      <p>{page.seller}</p>
      {supportEmail && (
        <p>
          {page.questions}{' '}
          <a href={`mailto:${encodeURI(supportEmail)}${subject}`}>{supportEmail}</a>
        </p>
      )}
      {ways.length > 0 && (
        <ul>
          {ways.map(([address, label]) => (
            <li>
              <a href={address} rel="noreferrer">
                {label}
              </a>
            </li>
          ))}
        </ul>
      )}
    </footer>
  )
}
