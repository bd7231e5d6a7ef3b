import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const page = readFileSync(new URL('../../docs/native-lago-provider.md', import.meta.url), 'utf8')
const blocks = Array.from(
  page.matchAll(/^```(ruby|tsx?)\n(?:#|\/\/) (\S+)\n([\s\S]*?)^```$/gm),
  ([, language = '', path = '', code = '']) => ({ language, path, code }),
)
const rubies = blocks.filter(({ language }) => language === 'ruby')
const scripts = blocks.filter(({ language }) => language !== 'ruby')
const ruby = Bun.which('ruby')

/** The parts of Lago's guide for a new provider. */
const PARTS = `
  app/models/payment_provider_customers/dodo_customer.rb app/models/payment_providers/dodo_provider.rb
  app/models/customer.rb app/models/organization.rb app/serializers/v1/customer_serializer.rb
  app/graphql/types/payment_providers/dodo_input.rb app/graphql/types/payment_providers/dodo.rb
  app/graphql/mutations/payment_providers/dodo/base.rb app/graphql/mutations/payment_providers/dodo/create.rb
  app/graphql/mutations/payment_providers/dodo/update.rb app/graphql/resolvers/payment_providers_resolver.rb
  app/graphql/types/customers/object.rb app/graphql/types/mutation_type.rb app/graphql/types/payment_providers/object.rb
  app/services/payment_providers/dodo_service.rb app/services/payment_providers/dodo/base_service.rb
  app/services/payment_provider_customers/dodo_service.rb app/jobs/payment_provider_customers/dodo_create_job.rb
  app/services/payment_providers/dodo/customers/create_service.rb app/services/payment_providers/create_customer_factory.rb
  app/services/payment_provider_customers/factory.rb app/services/payment_providers/create_payment_factory.rb
  app/services/payment_providers/dodo/payments/create_service.rb app/jobs/invoices/payments/dodo_create_job.rb
  app/services/invoices/payments/dodo_service.rb app/services/invoices/payments/payment_providers/factory.rb
  app/jobs/payment_requests/payments/dodo_create_job.rb app/services/payment_requests/payments/dodo_service.rb
  app/services/payment_requests/payments/payment_providers/factory.rb
  app/jobs/payment_provider_customers/dodo_checkout_url_job.rb app/controllers/webhooks_controller.rb config/routes.rb
  app/services/payment_providers/dodo/handle_incoming_webhook_service.rb
  app/services/payment_providers/dodo/validate_incoming_webhook_service.rb app/jobs/payment_providers/dodo/handle_event_job.rb
  app/services/inbound_webhooks/process_service.rb app/services/inbound_webhooks/validate_payload_service.rb
  src/pages/settings/Integrations.tsx src/components/PaymentProviderChip.tsx
  src/components/customers/PaymentProvidersAccordion.tsx
`
  .trim()
  .split(/\s+/)

/** `app/services/payment_providers/dodo/base_service.rb` holds `BaseService`. */
const className = (path: string) =>
  (path.split('/').at(-1) ?? '')
    .replace(/\.rb$/, '')
    .replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())

describe('docs/native-lago-provider.md', () => {
  test('has code for every part of the guide, each in a file of its own', () => {
    const paths = blocks.map(({ path }) => path)

    expect(PARTS.filter((part) => !paths.includes(part))).toEqual([])
    expect(paths).toEqual([...new Set(paths)])
    expect(blocks).toHaveLength(page.match(/^```(?:ruby|tsx?)$/gm)?.length ?? 0)
  })

  test('says of every part what answers to it in the bridge', () => {
    const sections = page.split(/^## /m).filter((section) => section.includes('\n```'))

    expect(sections.length).toBeGreaterThan(9)
    expect(
      sections.filter((section) => !/\nIn the bridge: |In the bridge: /.test(section)),
    ).toEqual([])
  })

  const classes = rubies.filter(({ path }) => path.startsWith('app/'))
  test.each(classes)('$path holds the class that its name says', ({ path, code }) => {
    expect(code).toMatch(new RegExp(`^ *class ${className(path)}\\b`, 'm'))
  })

  test.each(scripts)('$path is TypeScript', ({ language, code }) => {
    const loader = language === 'tsx' ? 'tsx' : 'ts'

    expect(new Bun.Transpiler({ loader }).transformSync(code)).not.toBe('')
  })

  describe.skipIf(!ruby)('by Ruby', () => {
    let folder: string
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'native-provider-'))
    })
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    const check = (code: string) => {
      const file = join(folder, 'block.rb')
      writeFileSync(file, code)
      const { stdout, stderr } = Bun.spawnSync([ruby ?? '', '-c', file])
      return `${stdout.toString()}${stderr.toString()}`.trim()
    }

    test.each(rubies)('$path is Ruby', ({ code }) => {
      expect(check(code)).toBe('Syntax OK')
    })

    test('what is not would be seen', () => {
      expect(check('class Broken\n  def call\nend\n')).toContain('syntax error')
    })
  })
})
