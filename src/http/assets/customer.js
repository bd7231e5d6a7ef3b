// What customers' pages have beyond HTML, none of which they need: a result that shows by itself, and a sum that adds up.
const SECONDS = [2, 2, 3, 5, 8, 13, 21]

/** Asks for one word, ever more seldom; when it is news, shows the page as it is then, and says so. */
async function wait(card) {
  const { wait: path, waits } = card.dataset
  const ask = () => fetch(path).then((answer) => (answer.ok ? answer.text() : ''))
  for (const seconds of SECONDS) {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
    const word = await ask().catch(() => '')
    if (word !== '' && !waits.split(' ').includes(word) && (await show(card, location.href))) return
  }
  const late = new URL(location.href)
  late.searchParams.set('check', '99')
  await show(card, late.href)
}

async function show(card, address) {
  const answer = await fetch(address).catch(() => undefined)
  if (!answer?.ok) return false
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  const fresh = page.querySelector('main > .notice')
  if (!fresh) return false
  document.title = page.title
  card.replaceWith(fresh)
  const told = [...fresh.querySelectorAll('h1, h1 ~ p')].map((one) => one.textContent)
  document.getElementById('said').textContent = told.join(' ')
  return true
}

for (const card of document.querySelectorAll('[data-wait]')) void wait(card)

/** The button says how much it is. */
for (const form of document.querySelectorAll('form[data-pay]')) {
  const { locale, currency, digits } = form.dataset
  const texts = JSON.parse(form.dataset.pay)
  const plural = new Intl.PluralRules(locale)
  const money = new Intl.NumberFormat(locale, {
    style: 'currency',
    currency,
    minimumFractionDigits: Number(digits),
    maximumFractionDigits: Number(digits),
  })
  const button = form.querySelector('button')
  const plain = button.textContent
  const add = () => {
    const chosen = [...form.querySelectorAll('input:checked')]
    const sum = chosen.reduce((total, one) => total + Number(one.dataset.amount), 0)
    const text = texts[plural.select(chosen.length)] ?? texts.other
    button.textContent =
      chosen.length === 0
        ? plain
        : text
            .replace('{count}', String(chosen.length))
            .replace('{sum}', money.format(sum / 10 ** digits))
  }
  form.addEventListener('change', add)
  add()
}
document.getElementById('problem')?.focus()
