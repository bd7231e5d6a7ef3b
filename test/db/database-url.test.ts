import { describe, expect, test } from 'bun:test'

import { describeAddress, readDatabaseUrl } from '../../src/db/database-url.ts'

const at = (rest: string) => readDatabaseUrl(`postgres://${rest}`)
const refusalOf = (url: string) => {
  try {
    readDatabaseUrl(url)
    return 'none'
  } catch (error) {
    return error instanceof Error ? error.message : 'no error'
  }
}

describe('an address', () => {
  test.each([
    [
      'Neon',
      'u:p@ep-a-b-pooler.eu.aws.neon.tech/db?sslmode=require&channel_binding=require',
      'require',
    ],
    [
      'Supabase',
      'postgres.ref:p@aws-0-eu.pooler.supabase.com:5432/db?pgbouncer=true&connection_limit=1',
      'prefer',
    ],
    [
      'Prisma',
      'u:p@h/db?schema=public&connection_limit=5&pool_timeout=2&max_idle_connection_lifetime=60',
      'prefer',
    ],
    ['Heroku', 'u:p@ec2-1-2-3-4.compute.amazonaws.com:5432/db', 'prefer'],
    [
      'Azure',
      'me%40srv:p@srv.postgres.database.azure.com/db?sslmode=verify-full&sslrootcert=system',
      'verify-full',
    ],
    [
      'libpq',
      'u:p@h/db?keepalives=1&keepalives_idle=30&gssencmode=disable&target_session_attrs=any',
      'prefer',
    ],
    ['libpq', 'u:p@h/db?sslmode=allow&connect_timeout=5&application_name=x', 'prefer'],
    ['libpq', 'u:p@h/db?sslmode=disable&load_balance_hosts=disable&sslcertmode=allow', 'disable'],
  ])('as %s prints it is read: %s', (_, rest, mode) => {
    expect(at(rest)).toMatchObject({ tls: { mode }, database: 'db' })
  })

  test.each([
    ['u:p@h/db', 'h', 5432],
    ['u:p@[::1]:6543/db', '::1', 6543],
    ['u:p@[fe80::1]/db', 'fe80::1', 5432],
    ['u:p@/db?host=/cloudsql/project:region:name', '/cloudsql/project:region:name', 5432],
    ['u:p@localhost/db?host=/cloudsql/project:region:name', '/cloudsql/project:region:name', 5432],
    ['u:p@%2Fcloudsql%2Fproject:5432/db', '/cloudsql/project', 5432],
    ['u:p@/db?host=%2Fvar%2Frun&port=5433', '/var/run', 5433],
    ['/db?host=h&user=u&password=p', 'h', 5432],
  ])('%s leads to %s', (rest, host, port) => {
    expect(at(rest)).toMatchObject({ hosts: [{ host, port }], database: 'db' })
  })

  test('may name several hosts', () => {
    expect(at('u:p@a:1,b:2,[::1]:3/db?target_session_attrs=read-write').hosts).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
      { host: '::1', port: 3 },
    ])
  })

  test.each([
    ['a#b', 'a#b'],
    ['a/b', 'a/b'],
    ['a?b', 'a?b'],
    ['a@b', 'a@b'],
    ['a@b/c', 'a@b/c'],
    ['12/34', '12/34'],
    ['a?b=c', 'a?b=c'],
    ['a:b', 'a:b'],
    ['pa%word', 'pa%word'],
    ['100%', '100%'],
    ['%e9', '%e9'],
    ['a%23b%40', 'a#b@'],
    ['p&q=1', 'p&q=1'],
    ['$x^{}|"<>`', '$x^{}|"<>`'],
  ])('has the password %s as %s', (written, password) => {
    expect(at(`bridge:${written}@h.example:5432/db?sslmode=require`)).toMatchObject({
      user: 'bridge',
      password,
      hosts: [{ host: 'h.example', port: 5432 }],
      database: 'db',
    })
  })

  test('hands settings to the session and what is not ours to the pooler', () => {
    const { settings, startupOptions } = at(
      'u:p@h/db?options=-c%20work_mem%3D8MB%20--geqo%3Doff%20reference%3Dabc',
    )
    expect(settings).toEqual({ work_mem: '8MB', geqo: 'off' })
    expect(startupOptions).toBe('reference=abc')
  })

  test.each([
    ['mysql://u:p@h/db', /postgres:\/\/user/],
    ['postgres://u:secret@h/db?nonsense=1', /^nonsense: /],
    ['postgres://u:secret@h/db?sslmode=maybe', /^sslmode: /],
    ['postgres://u:secret@h/db?target_session_attrs=standby', /^target_session_attrs: /],
    ['postgres://u:secret@h/db?service=x', /^service: /],
    ['postgres://u:secret@h:99999/db', /port/],
    ['postgres://u:secr et@h h/db', /percent-encode/],
  ])('%s is refused in words, without its password', (url, words) => {
    expect(refusalOf(url)).toMatch(words)
    expect(refusalOf(url)).not.toContain('secr')
  })

  test('is described without its password', () => {
    expect(describeAddress(at('u:secret@h/db'))).toBe('u@h:5432/db')
  })
})
