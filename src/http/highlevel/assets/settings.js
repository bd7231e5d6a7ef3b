// The custom page of HighLevel's app: asks the parent who looks, and shows how the location stands. The token is kept
// in memory alone, and whatever is shown is put in as text.
const BASE = `${document.currentScript.dataset.base}/highlevel/settings`
const ASK_EVERY_MS = 1000
const ASK_TIMES = 20
const MODES = { live: 'Live mode', test: 'Test mode' }
const ACCOUNTS = {
  own: 'Collects into this location’s own Dodo Payments account.',
  shared: 'Collects into the shared Dodo Payments account.',
  none: 'There is no Dodo Payments account for this mode: nothing is collected in it.',
}

const status = document.getElementById('status')
const content = document.getElementById('content')
let token
let asking

function say(text, kind = 'soft') {
  status.textContent = text
  status.className = kind
  status.hidden = text === ''
}

function make(name, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  if (text !== undefined) element.textContent = text
  element.append(...children)
  return element
}

/** Asks the parent, which may not listen yet, until it answers. */
function askParent() {
  clearInterval(asking)
  let left = ASK_TIMES
  const ask = () => {
    if (left === 0) {
      clearInterval(asking)
      say(
        'HighLevel does not say who you are. Open this page within HighLevel, in a location that has the app.',
        'bad',
      )
      return
    }
    left -= 1
    window.parent.postMessage({ message: 'REQUEST_USER_DATA' }, '*')
  }
  ask()
  asking = setInterval(ask, ASK_EVERY_MS)
}

window.addEventListener('message', ({ source, data }) => {
  if (source !== window.parent || source === window) return
  const told = typeof data === 'string' ? readJson(data) : data
  if (told?.message !== 'REQUEST_USER_DATA_RESPONSE' || typeof told.payload !== 'string') return
  if (token !== undefined) return
  clearInterval(asking)
  void begin(told.payload)
})

function readJson(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function send(method, path, body) {
  const response = await fetch(`${BASE}/${path}`, {
    method,
    headers: {
      'Content-Type': 'application/json',
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const answer = await response.json().catch(() => ({}))
  return { status: response.status, answer }
}

const AWAY = 'The bridge does not answer. Try again in a minute.'

async function begin(payload) {
  try {
    const { status: code, answer } = await send('POST', 'session', { payload })
    if (code !== 200) {
      say(answer.error ?? AWAY, 'bad')
      return
    }
    token = answer.token
    await refresh()
  } catch {
    say(AWAY, 'bad')
  }
}

/** A token ends after ten minutes; then the parent is asked again. */
function beginAgain() {
  token = undefined
  content.hidden = true
  say('One moment …')
  askParent()
}

async function refresh(told = '') {
  const { status: code, answer } = await send('GET', 'state')
  if (code === 401) {
    beginAgain()
    return
  }
  if (code !== 200) {
    say(answer.error ?? AWAY, 'bad')
    return
  }
  showState(answer)
  say(told, 'ok')
}

function showState(state) {
  const modes = make('div', { class: 'modes' })
  for (const mode of Object.keys(MODES)) modes.append(showMode(mode, state))
  content.replaceChildren(showNext(state), modes, showOrders(state.orders))
  content.hidden = false
}

function showNext({ connected, problem, modes }) {
  const isServed = modes.live.served || modes.test.served
  const next = problem
    ? problem
    : !isServed
      ? 'Next: enter the API key of a Dodo Payments account below.'
      : connected
        ? 'Connected. In HighLevel, under Payments > Integrations, this provider must be set as default.'
        : 'Being connected. This takes a minute.'
  return make('p', { text: next, class: problem ? 'bad' : 'soft', id: 'next' })
}

function showMode(mode, { modes }) {
  const { account, served } = modes[mode]
  const section = make('section', { 'aria-labelledby': `${mode}-title` })
  section.append(
    make('h2', { text: MODES[mode], id: `${mode}-title` }),
    make('p', { text: served ? 'Connected' : 'Not served', class: served ? 'ok' : 'soft' }),
    make('p', { text: ACCOUNTS[account], class: 'soft' }),
    showForm(mode, account),
  )
  if (account === 'own') section.append(showForget(mode))
  return section
}

function showForm(mode, account) {
  const id = `${mode}-key`
  const input = make('input', {
    id,
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: '',
  })
  const button = make('button', {
    type: 'submit',
    text: account === 'own' ? 'Replace the key' : 'Use this account',
  })
  const form = make(
    'form',
    {},
    make('label', { for: id, text: `Dodo Payments API key, ${mode} mode` }),
    make('p', {
      class: 'soft',
      text: 'Dodo Payments > Developer > API keys, with write access. It is kept encrypted and never shown again.',
    }),
    input,
    button,
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void change(
      button,
      () => send('PUT', `accounts/${mode}`, { apiKey: input.value.trim() }),
      'The account is connected.',
    )
  })
  return form
}

/** Asked twice, since nothing more is collected into it afterwards. */
function showForget(mode) {
  const button = make('button', { type: 'button', text: 'Forget this account' })
  let isSure = false
  button.addEventListener('click', () => {
    if (isSure) {
      void change(button, () => send('DELETE', `accounts/${mode}`), 'The account is forgotten.')
      return
    }
    isSure = true
    button.textContent = 'Press again: nothing more is collected into it'
  })
  return button
}

async function change(button, act, told) {
  button.disabled = true
  say('One moment …')
  try {
    const { status: code, answer } = await act()
    if (code === 401) beginAgain()
    else if (code === 200) await refresh(told)
    else say(answer.error ?? AWAY, 'bad')
  } catch {
    say(AWAY, 'bad')
  }
  button.disabled = false
}

function showOrders(orders) {
  const section = make('section', { 'aria-labelledby': 'orders-title' })
  section.append(make('h2', { text: 'Last orders', id: 'orders-title' }))
  if (orders.length === 0) {
    section.append(make('p', { text: 'There are none yet.', class: 'soft' }))
    return section
  }
  const heads = ['Transaction', 'Mode', 'Amount', 'State', 'Why']
  const rows = orders.map(({ key, mode, amount, currency, state, reason }) => {
    const cells = [key, mode, `${(amount / 100).toFixed(2)} ${currency}`, state, reason]
    return make(
      'tr',
      {},
      ...cells.map((text, index) => make('td', { text, 'data-label': heads[index] })),
    )
  })
  const head = make(
    'thead',
    {},
    make('tr', {}, ...heads.map((text) => make('th', { text, scope: 'col' }))),
  )
  section.append(make('table', {}, head, make('tbody', {}, ...rows)))
  return section
}

if (window.parent === window)
  say('Open this page within HighLevel, in a location that has the app.', 'bad')
else askParent()
