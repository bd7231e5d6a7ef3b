// The half of HighLevel's protocol that is ours (its help article 155000002620): say "ready" until props come, open
// the checkout in a window of its own, and end with exactly one message. Nothing here is believed by anybody: the
// bridge reads the amount from HighLevel, and HighLevel asks the bridge what was paid.
const READY_MS = 500
const LOOK_MS = 2_000
/** Before anybody pressed: a payment in another tab ends this page, too. */
const SLOW_LOOK_MS = 10_000
/** A window that was closed with nothing paid: what was pressed last may still be under way. */
const LEFT_MS = 10_000
/** A checkout that cuts itself off from who opened it says that it is closed, and is not. */
const CUT_OFF_MS = 300_000
const AGAIN_MS = [1_000, 3_000, 6_000]
const SIZE = 'popup,width=480,height=760'
const WORDS = {
  refused: 'This payment cannot be made. Please contact the seller.',
  unavailable: 'The payment could not be started. Please try again in a moment.',
  unpaid: 'The payment cannot be completed any more. Please start again.',
}

const { currentScript } = document
const SESSION = new URL('../session', currentScript.src).href
const savesCards = currentScript.dataset.cards === 'true'
const at = (id) => document.getElementById(id)
const page = { status: at('status'), pay: at('pay'), open: at('open'), cancel: at('cancel') }

let props
let session
let popup = null
let wasOpened = false
let closedSince
let declined
let hasEnded = false
let lookTimer

const say = (message) => window.parent.postMessage(JSON.stringify(message), '*')
const ready = () =>
  say({
    type: 'custom_provider_ready',
    loaded: true,
    ...(savesCards && { addCardOnFileSupported: true }),
  })

function tell(words, { button, link = false } = {}) {
  page.status.textContent = words
  page.pay.hidden = !button
  page.pay.textContent = button ?? ''
  page.open.hidden = !link
}

/** The one message that ends it; whatever comes later is not said. */
function end(message, words) {
  if (hasEnded) return
  hasEnded = true
  clearInterval(readyTimer)
  clearTimeout(lookTimer)
  popup?.close()
  page.cancel.hidden = true
  tell(words)
  say(message)
}
const succeed = (chargeId) =>
  end(
    { type: 'custom_element_success_response', ...(chargeId && { chargeId }) },
    session?.amount === 0 ? 'Done. Thank you.' : 'Paid. Thank you.',
  )
const fail = (description) =>
  end({ type: 'custom_element_error_response', error: { description } }, description)
const leave = () => end({ type: 'custom_element_close_response' }, 'Nothing was paid.')

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function ask(url, init) {
  const response = await fetch(url, { ...init, credentials: 'omit', cache: 'no-store' })
  const answer = await response.json().catch(() => ({}))
  return { status: response.status, answer }
}

/** What is not known to have been refused is asked again: the same props are the same payment. */
async function begin(given) {
  const body = JSON.stringify(given)
  for (const waitMs of [...AGAIN_MS, undefined]) {
    const { status, answer } = await ask(SESSION, { method: 'POST', body }).catch(() => ({}))
    if (hasEnded || props !== given) return
    if (status === 200) return show(answer)
    const isRefused = status >= 400 && status < 500 && status !== 429
    if (isRefused) return fail(answer.error ?? WORDS.refused)
    if (waitMs === undefined) return fail(WORDS.unavailable)
    await sleep(waitMs)
  }
}

function show(found) {
  session = found
  if (follow(found)) return
  const { amount, currency } = found
  const cents = String(amount % 100).padStart(2, '0')
  const sum = `${Math.floor(amount / 100)}.${cents} ${currency}`
  page.open.href = found.checkoutUrl
  const button = amount === 0 ? 'Continue' : `Pay ${sum}`
  tell(amount === 0 ? 'Your card is saved on a secure page.' : '', { button })
  lookLater()
}

/** Ends it, if that is how it stands. */
function follow({ status, chargeId, message }) {
  const isSetup = session?.amount === 0
  if (status === 'succeeded' || (status === 'processing' && (chargeId || isSetup))) {
    succeed(chargeId)
  } else if (status === 'failed' || status === 'expired') fail(message ?? WORDS.unpaid)
  declined = status === 'open' && message ? message : undefined
  return hasEnded
}

async function look(init) {
  const url = `${SESSION}/${encodeURIComponent(session.ref)}`
  const { status, answer } = await ask(url, init).catch(() => ({}))
  if (hasEnded) return
  if (status === 404) fail(WORDS.unpaid)
  else if (status === 200) follow(answer)
}

/** Whether whoever pays has come back here: only then is a window that says to be closed believed at once. */
const isLeft = () => {
  if (!popup?.closed) {
    closedSince = undefined
    return false
  }
  closedSince ??= Date.now()
  return document.hasFocus() || Date.now() - closedSince > CUT_OFF_MS
}

function lookLater() {
  clearTimeout(lookTimer)
  if (!hasEnded) lookTimer = setTimeout(() => void lookAgain(), wasOpened ? LOOK_MS : SLOW_LOOK_MS)
}

async function lookAgain() {
  await look()
  if (hasEnded) return
  if (declined && !isLeft()) {
    page.status.textContent = `${declined} You can try again on the payment page.`
  }
  if (wasOpened && isLeft()) {
    const leftMs = Date.now() - closedSince
    // Looked at once more since then: the last try may have been paid.
    if (declined && leftMs >= LOOK_MS) return fail(declined)
    if (leftMs >= LEFT_MS) return leave()
  }
  lookLater()
}

function openCheckout() {
  if (!session || hasEnded) return
  // The same name is the same window: a second click brings it back, and opens no second one.
  popup = window.open(session.checkoutUrl, 'bridge_checkout', SIZE)
  wasOpened = true
  closedSince = undefined
  if (popup) {
    popup.focus()
    tell('Please pay in the window that has opened.', { button: 'Show the payment window' })
  } else tell('The payment window was blocked.', { link: true })
  lookLater()
}

/** Who cancels may have paid a moment ago. */
async function cancel() {
  page.cancel.disabled = true
  if (session) await look({ signal: AbortSignal.timeout(3_000) })
  leave()
}

function read(data) {
  try {
    const message = typeof data === 'string' ? JSON.parse(data) : data
    const isOurs =
      message?.type === 'payment_initiate_props' || message?.type === 'setup_initiate_props'
    return isOurs ? message : undefined
  } catch {
    return undefined
  }
}

/**
 * Doubled props are the same payment. Others take their place as long as nobody has pressed. Whatever else the platform's
 * page frames can reach this one, too, and would have a payment of its own made here.
 */
window.addEventListener('message', ({ source, data }) => {
  if (source !== window.parent) return
  const given = read(data)
  if (!given || hasEnded || wasOpened) return
  if (props && JSON.stringify(props) === JSON.stringify(given)) return
  props = given
  session = undefined
  clearInterval(readyTimer)
  tell('One moment …')
  void begin(given)
})
page.pay.addEventListener('click', openCheckout)
page.open.addEventListener('click', () => {
  tell('Please pay on the page that has opened.', { link: true })
})
page.cancel.addEventListener('click', () => void cancel())

const readyTimer = setInterval(ready, READY_MS)
ready()
