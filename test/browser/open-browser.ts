import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, launch } from 'puppeteer-core'
import { findChromium } from '../chromium.ts'

const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts Chromium with an empty profile. When it is disposed, its process has ended and its files are removed. */
export const openBrowser = async (): Promise<AsyncDisposable & { browser: Browser }> => {
  const executablePath = findChromium()
  if (!executablePath) throw new Error('Chromium is not installed: install it, for example by apt-get')
  const userDataDir = await mkdtemp(join(tmpdir(), 'latchkey-chromium-'))
  const browser = await launch({ executablePath, userDataDir, args, pipe: true })
  return {
    browser,
    [Symbol.asyncDispose]: async () => {
      const child = browser.process()
      await browser.close().catch(() => {})
      child?.kill('SIGKILL')
      await rm(userDataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
}
