// What pages have beyond HTML, none of which they need: buttons that copy or print, and times as they are here.
const COPIED_MS = 2_000

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy)
  const said = button.nextElementSibling
  said.textContent = 'Copied'
  setTimeout(() => (said.textContent = ''), COPIED_MS)
}

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard
  button.addEventListener('click', () => void copy(button))
}
for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false
  button.addEventListener('click', () => print())
}
const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' })
for (const time of document.querySelectorAll('time[datetime]')) {
  time.title = `Here: ${local.format(new Date(time.dateTime))}`
}
