import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type BrowserContext } from 'playwright-core'

/** Debian's; elsewhere `CASTELLAN_TEST_BROWSER` says where one is. */
const PLACES = [process.env['CASTELLAN_TEST_BROWSER'], '/usr/bin/chromium']

const executable = PLACES.find((place) => place !== undefined && place !== '' && existsSync(place))

/** Why tests in a browser are skipped; false when they are not. */
export const NO_BROWSER =
  executable === undefined &&
  'there is no Chromium: install Debian’s package `chromium`, or name one in CASTELLAN_TEST_BROWSER'

/** What a browser does by itself on the network is turned off. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface OpenBrowser {
  readonly context: BrowserContext
  /** Ends it, and leaves nothing of it behind. */
  close(): Promise<void>
}

/** A browser with an empty profile. */
export async function openBrowser(): Promise<OpenBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'castellan-browser-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable!,
    args: QUIET,
    timeout: 60_000,
  })
  context.setDefaultTimeout(30_000)
  return {
    context,
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
