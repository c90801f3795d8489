import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { readOpenApi } from '../app.ts'
import { NO_BROWSER, openBrowser, type OpenBrowser } from '../testing/browser.ts'
import { serve, type Loose, type Served } from '../testing/serve.ts'
import { exampleOf } from './example.ts'
import { html, prose } from './html.ts'
import { renderPage } from './page.ts'

const journalGrant = {
  kind: 'grant',
  issuer: 'system',
  holder: 'user:root',
  permission: 'castellan:journal',
  extra: {},
} as const

describe('the page as HTML', () => {
  test('escapes whatever is put into it', () => {
    const evil = `</p><script>alert("x")</script>&'`
    assert.equal(
      html`<p>${evil}${prose(`\`${evil}\``)}</p>`.text,
      '<p>&lt;/p&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;<code>&lt;/p&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;</code></p>',
    )
    const { info } = readOpenApi()
    const page = renderPage({ ...readOpenApi(), info: { ...info, title: evil } })
    assert.equal(page.includes('alert("x")'), false)
  })

  test('has every operation and every shape, once, and no link into nowhere', () => {
    const page = renderPage(readOpenApi())
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!)
    assert.deepEqual(ids, [...new Set(ids)])
    for (const methods of Object.values(readOpenApi().paths))
      for (const { operationId } of Object.values(methods)) assert.ok(ids.includes(operationId), operationId)
    for (const name of Object.keys(readOpenApi().components.schemas))
      assert.ok(ids.includes(`schema-${name}`))
    for (const [, target = ''] of page.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.includes(target), target)
  })

  test('shows the fields of a body where the operation stands', () => {
    const page = renderPage(readOpenApi())
    const operation = page.slice(
      page.indexOf('<article id="createGrant"'),
      page.indexOf('<article id="listGrants"'),
    )
    for (const field of ['holder', 'permission', 'expiresAt'])
      assert.match(operation, new RegExp(`<code>${field}</code>`))
  })

  test('names no other host', async (t) => {
    const { call } = await serve(t)
    const { text, headers } = await call('GET', '/docs')
    assert.deepEqual(text.match(/(?:https?:)?\/\/[a-z][^"' ]*/g) ?? [], [])
    const policy = headers.get('content-security-policy') ?? ''
    assert.equal(/unsafe|\*|https?:/.test(policy), false, policy)
    assert.match(policy, /^default-src 'none'; /)
  })

  test('makes up an example where a shape has none', () => {
    const schema = {
      type: 'object',
      required: ['a', 'b', 'c'],
      properties: {
        a: { $ref: '#/components/schemas/Actor' },
        b: { type: 'array', items: { oneOf: [{ type: 'integer' }] } },
        c: { enum: ['x', 'y'] },
        d: { type: 'string' },
      },
    }
    assert.deepEqual(exampleOf(schema, readOpenApi()), { a: 'user:alice', b: [0], c: 'x' })
  })
})

describe('the page in a browser', () => {
  // Each test is skipped by itself, so that the closing lines count them.
  const inBrowser = { skip: NO_BROWSER }
  let browser: OpenBrowser | undefined
  before(async () => {
    if (NO_BROWSER === false) browser = await openBrowser()
  })
  after(() => browser?.close())

  for (const [scheme, width, filter] of [
    ['light', 1_280, ''],
    // All of it again would take as long again, and differ in nothing but its words.
    ['dark', 360, '/v1/grants'],
  ] as const) {
    test(`is for everyone: ${scheme}, ${width} wide`, inBrowser, async (t) => {
      const { page } = await open(t, await serve(t), { scheme, width })
      // What is folded counts as well.
      await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
      await page.locator('#getHealth button[type=submit]').click()
      await page.locator('#getHealth pre').waitFor()
      await page.getByLabel('Filter').fill(filter)
      await page.evaluate(axe.source)
      const { violations, passes } = (await page.evaluate(
        "axe.run({ resultTypes: ['violations'] })",
      )) as Loose
      assert.deepEqual(
        violations.map(({ id, nodes }: Loose) => [id, nodes.slice(0, 3).map((node: Loose) => node.html)]),
        [],
      )
      assert.ok(passes.length > 15, `only ${passes.length} rules had anything to say`)
      const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      assert.equal(overflow, 0, 'nothing is wider than the window')
    })
  }

  test(
    'sends what is written, with the token that was pasted, and shows what comes',
    inBrowser,
    async (t) => {
      const served = await serve(t)
      const { page } = await open(t, served)
      await page.getByRole('textbox', { name: 'Token', exact: true }).fill(await served.tokenOf('alice'))
      const form = page.locator('#check')
      await form.getByText('Try POST /v1/check').click()
      await form.getByLabel('Body').fill('{"permission": "a:b"}')
      await form.getByRole('button', { name: 'Send' }).click()
      await form.locator('pre').waitFor()
      assert.match(await form.getByRole('status').innerText(), /^200 OK, \d+ ms, request \S+$/)
      const answer = JSON.parse(await form.locator('pre').innerText())
      assert.deepEqual(answer, { allowed: true, revision: served.live.engine.revision })
    },
  )

  test('puts paths and queries together, whatever is typed', inBrowser, async (t) => {
    const served = await serve(t)
    const { page, requests } = await open(t, served)
    await page.getByRole('textbox', { name: 'Token', exact: true }).fill(await served.tokenOf('root'))
    const one = page.locator('#getGrant')
    await one.getByText('Try GET').click()
    await one.getByLabel('id', { exact: true }).fill('../a b?x=#é')
    await one.getByRole('button', { name: 'Send' }).click()
    await one.locator('pre').waitFor()
    assert.match(await one.getByRole('status').innerText(), /^404 /)
    assert.match(requests.at(-1)!, /\/v1\/grants\/\.\.%2Fa%20b%3Fx%3D%23%C3%A9$/)
    const list = page.locator('#listGrants')
    await list.getByText('Try GET').click()
    await list.getByLabel('holder').fill('user:fred')
    await list.getByRole('button', { name: 'Send' }).press('Enter')
    await list.locator('pre').waitFor()
    assert.match(await list.getByRole('status').innerText(), /^200 /)
    assert.match(requests.at(-1)!, /\/v1\/grants\?holder=user%3Afred$/)
  })

  test('shows a stream as it comes, until it is stopped', inBrowser, async (t) => {
    const served = await serve(t)
    await served.change({ add: journalGrant })
    const { page } = await open(t, served)
    await page.getByRole('textbox', { name: 'Token' }).fill(await served.tokenOf('root'))
    const watch = page.locator('#watch')
    await watch.getByText('Try GET').click()
    await watch.getByRole('button', { name: 'Send' }).click()
    await watch.getByRole('status').getByText('200 OK').waitFor()
    await served.change({ add: { kind: 'user', id: 'watched' } })
    await watch.locator('pre').getByText('watched').waitFor()
    await watch.getByRole('button', { name: 'Stop' }).click()
    await watch.getByText(/, stopped$/).waitFor()
    assert.equal(await watch.getByRole('button', { name: 'Stop' }).isVisible(), false)
  })

  test('keeps the token nowhere', inBrowser, async (t) => {
    const served = await serve(t)
    const token = await served.tokenOf('alice')
    const { page } = await open(t, served)
    await page.getByRole('textbox', { name: 'Token', exact: true }).fill(token)
    const kept = await page.evaluate<string>(
      'JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, location.href])',
    )
    assert.equal(kept.includes(token), false)
    await page.reload()
    assert.equal(await page.getByRole('textbox', { name: 'Token', exact: true }).inputValue(), '')
  })

  test('filters the operations, and says how many are left', inBrowser, async (t) => {
    const { page } = await open(t, await serve(t))
    await page.getByLabel('Filter').fill('/v1/check-each')
    assert.equal(await page.locator('nav li:visible').count(), 1)
    assert.equal(await page.locator('#check').isVisible(), false)
    assert.match(await page.locator('#found').innerText(), /^1 of \d+ operations$/)
    await page.getByLabel('Filter').fill('')
    assert.equal(await page.locator('#check').isVisible(), true)
  })

  test('is worked with the keyboard alone', inBrowser, async (t) => {
    const { page } = await open(t, await serve(t))
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the operations')
    await page.keyboard.press('Enter')
    assert.equal(await page.evaluate('document.activeElement.id'), 'main')
    const summary = page.locator('#getHealth .try summary')
    await summary.focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.locator('#getHealth pre').waitFor()
    assert.match(await page.locator('#getHealth').getByRole('status').innerText(), /^200 OK/)
  })

  /** The page of a server; at its end nothing may have gone wrong in it, or been asked of any other host. */
  async function open(
    t: TestContext,
    { address }: Served,
    { scheme = 'light', width = 1_280 }: { readonly scheme?: 'light' | 'dark'; readonly width?: number } = {},
  ): Promise<Opened> {
    const page = await browser!.context.newPage()
    const requests: string[] = []
    const errors: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('console', (message) => {
      // A refusal is told there as well.
      if (message.type() === 'error' && !message.text().includes('the server responded with a status of'))
        errors.push(message.text())
    })
    t.after(async () => {
      await page.close()
      assert.deepEqual(errors, [])
      assert.deepEqual(
        requests.filter((url) => !url.startsWith(`${address}/`)),
        [],
      )
    })
    await page.emulateMedia({ colorScheme: scheme })
    await page.setViewportSize({ width, height: 900 })
    await page.goto(`${address}/docs`)
    return { page, requests }
  }
})

interface Opened {
  readonly page: Page
  /** Addresses that were asked for, in order. */
  readonly requests: readonly string[]
}
