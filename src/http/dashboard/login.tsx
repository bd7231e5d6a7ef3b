/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import type { Guesses } from '../guesses.ts'
import type { SampledLog } from '../sampled-log.ts'
import { sourceOf } from '../source.ts'
import { readForm } from './form.ts'
import type { Sessions } from './session.ts'
import { addressOf } from './kit.tsx'
import type { Env, Show } from './show.tsx'

/** A path of ours, and nothing that a browser could take for another host. */
const OWN_PATH = /^\/dashboard(?:[/?][\w\-./?=&%:~+!*'()]*)?$/

const isOwn = (next: string | undefined): next is string =>
  next !== undefined && OWN_PATH.test(next) && !next.includes('//') && !next.includes('..')

/** Where the token is given, once; and where a session ends. */
export function login(
  show: Show,
  { sessions, guesses, say }: { sessions: Sessions; guesses: Guesses; say: SampledLog },
) {
  const page = (
    c: Parameters<Show>[0],
    status: 200 | 403 | 429,
    { next, problem }: { next: string | undefined; problem?: string },
  ) =>
    show(
      c,
      { title: 'Sign in', status },
      <LoginForm
        action={addressOf(show.basePath, '/login')}
        next={isOwn(next) ? next : undefined}
        problem={problem}
      />,
    )

  return new Hono<Env>()
    .get('/login', (c) => page(c, 200, { next: c.req.query('next') }))
    .post('/login', async (c) => {
      const { token = '', name = '', next } = await readForm(c)
      const source = sourceOf(c)
      if (!guesses.mayTry(source)) {
        c.header('Retry-After', '1')
        return page(c, 429, { next, problem: 'Too many wrong tokens. Wait a moment.' })
      }
      const role = sessions.roleOf(token)
      if (!role) {
        if (await guesses.failed(source)) say('warn', { source }, 'somebody guesses ADMIN_TOKEN')
        else say('warn', { source }, 'login refused')
        return page(c, 403, { next, problem: 'This is not the value of ADMIN_TOKEN.' })
      }
      guesses.succeeded(source)
      await sessions.begin(c, role, name)
      return c.redirect(`${show.basePath}${isOwn(next) ? next : '/dashboard'}`, 303)
    })
    .post('/logout', (c) => {
      sessions.end(c)
      return c.redirect(addressOf(show.basePath, '/login'), 303)
    })
}

function LoginForm({
  action,
  next,
  problem,
}: {
  action: string
  next: string | undefined
  problem: string | undefined
}) {
  return (
    <div class="gate card">
      <h1>Sign in to the bridge</h1>
      {problem && (
        <p class="notice bad" role="alert">
          {problem}
        </p>
      )}
      <form method="post" action={action} class="stack">
        {next && <input type="hidden" name="next" value={next} />}
        {/* Before the token, as password managers expect it. */}
        <label>
          Your name
          <input name="name" autocomplete="username" maxlength={40} aria-describedby="name-help" />
        </label>
        <p id="name-help" class="small soft">
          Optional. It is written beside what you do.
        </p>
        <label>
          Token
          <input
            type="password"
            name="token"
            autocomplete="current-password"
            required
            autofocus
            maxlength={500}
            aria-describedby="token-help"
            {...(problem && { 'aria-invalid': 'true' })}
          />
        </label>
        <p id="token-help" class="small soft">
          The value of ADMIN_TOKEN or VIEWER_TOKEN.
        </p>
        <button type="submit" class="main">
          Sign in
        </button>
      </form>
    </div>
  )
}
