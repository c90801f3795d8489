// Sends requests from the page, and filters its contents. The token lives in its field and nowhere else: no storage,
// no address, no cookie.

/** Most of an answer that is shown, in characters: a stream may never end. */
const SHOWN_MAX = 200_000

for (const element of document.querySelectorAll('.token, .filter, .try')) element.hidden = false
for (const form of document.querySelectorAll('form')) form.addEventListener('submit', onSubmit)
document.querySelector('#filter').addEventListener('input', onFilter)

/** @param {SubmitEvent} event */
function onSubmit(event) {
  event.preventDefault()
  const form = event.currentTarget
  const stop = form.querySelector('[data-stop]')
  const status = form.querySelector('[role=status]')
  const controller = new AbortController()
  const abort = () => controller.abort()
  stop.addEventListener('click', abort)
  stop.hidden = false
  send(form, status, controller)
    .catch((error) => {
      status.textContent = controller.signal.aborted
        ? `${status.textContent}, stopped`
        : `Not answered: ${error.message}`
    })
    .finally(() => {
      stop.removeEventListener('click', abort)
      stop.hidden = true
    })
}

async function send(form, status, controller) {
  const output = form.querySelector('pre')
  status.textContent = 'Sending'
  output.hidden = true
  output.textContent = ''
  const start = performance.now()
  const response = await fetch(addressOf(form), { ...requestOf(form), signal: controller.signal })
  const took = Math.round(performance.now() - start)
  const id = response.headers.get('X-Request-ID') ?? 'unknown'
  status.textContent = `${response.status} ${response.statusText}, ${took} ms, request ${id}`
  output.hidden = false
  await show(response, output, controller)
}

/** Beside this page, wherever it is served: a proxy may have put all of it beneath a path. */
function addressOf(form) {
  const path = form.dataset.path.replace(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent(form.querySelector(`[data-in=path][name=${name}]`).value),
  )
  const address = new URL(path.slice(1), new URL('.', document.baseURI))
  for (const { name, value } of form.querySelectorAll('[data-in=query]'))
    if (value !== '') address.searchParams.set(name, value)
  return address
}

function requestOf(form) {
  const headers = new Headers()
  const token = document.querySelector('#token').value.trim()
  if (token !== '') headers.set('Authorization', `Bearer ${token}`)
  for (const { name, value } of form.querySelectorAll('[data-in=header]'))
    if (value !== '') headers.set(name, value)
  const body = form.querySelector('textarea')?.value
  if (body !== undefined) headers.set('Content-Type', 'application/json')
  return {
    method: form.dataset.method,
    headers,
    body,
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
  }
}

/** As it comes, so that a stream is seen; JSON is laid out once it is whole. */
async function show(response, output, controller) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    text += value
    output.textContent = text.slice(0, SHOWN_MAX)
    if (text.length > SHOWN_MAX) {
      controller.abort()
      return
    }
  }
  if (/json/.test(response.headers.get('Content-Type') ?? '')) output.textContent = laidOut(text)
}

function laidOut(text) {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}

/** @param {Event} event */
function onFilter({ currentTarget }) {
  const wanted = currentTarget.value.trim().toLowerCase()
  const entries = document.querySelectorAll('nav li')
  let count = 0
  for (const entry of entries) {
    const article = document.getElementById(entry.dataset.operation)
    const isWanted = article.textContent.toLowerCase().includes(wanted)
    entry.hidden = !isWanted
    article.hidden = !isWanted
    if (isWanted) count++
  }
  document.querySelector('#found').textContent =
    wanted === '' ? '' : `${count} of ${entries.length} operations`
}
