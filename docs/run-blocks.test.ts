import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findBlocks } from './markdown.ts'
import { PageRun } from './run-blocks.ts'

/** Runs a page, as the tests of the pages do, to its end or the first block that is wrong in itself. */
async function runPage(page: string): Promise<number> {
  let differences = 0
  await using run = new PageRun(page)
  for (const block of findBlocks(page)) if ((await run.run(block)) !== undefined) differences++
  return differences
}

const fence = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\`\n`
const STARTED = fence('console', '$ castellan start\n…')

test('a block asks the server of its page, wherever that listens', async () => {
  const page =
    STARTED + fence('console', '$ curl -s http://127.0.0.1:7070/healthz; echo\n{"status":"ok","revision":3}')
  assert.equal(await runPage(page), 0)
  assert.equal(await runPage(page.replace('"ok"', '"no"')), 1)
})

test('a script may ask a server of its own', async () => {
  const script = [
    "import { createServer } from 'node:http'",
    "const server = createServer((_, response) => response.end('its own')).listen(0, '127.0.0.1')",
    "await new Promise((resolve) => server.once('listening', resolve))",
    'const { port } = server.address()',
    'const answer = await fetch(`http://127.0.0.1:${port}/`)',
    'console.log(await answer.text()) // its own',
    'server.closeAllConnections()',
    'server.close()',
  ]
  assert.equal(await runPage(fence('js', script.join('\n'))), 0)
})

for (const [name, page] of [
  ['another port', STARTED + fence('console', '$ curl -s http://127.0.0.1:7071/healthz')],
  ['another port by another name', STARTED + fence('console', '$ curl -s localhost:8080/healthz || true')],
  ['a port that a variable names', STARTED + fence('console', '$ curl -s http://127.0.0.1:$PORT/healthz')],
  [
    'another port from a script',
    STARTED + fence('js', "await fetch('http://127.0.0.1:7071/healthz').catch(() => {})"),
  ],
  ['a server that was not started', fence('console', '$ curl -s http://127.0.0.1:7070/healthz')],
] as const) {
  test(`a block that asks ${name} is refused, though it says nothing and is to say nothing`, async () => {
    await assert.rejects(runPage(page), /it asks another server|no server was started/)
  })
}
