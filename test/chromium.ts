import { aptInstall, canAptInstall } from '../src/dev-services/apt-install.ts'
import { programs } from '../src/dev-services/binaries.ts'

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/** The path of Chromium or Chrome, if it is installed. */
export const findChromium = (): string | undefined => names.flatMap(name => programs(name, process.env))[0]

/** Installs Chromium if possible. Returns why the tests in a browser are skipped; null if they can run. */
export const provideChromium = async (): Promise<string | null> => {
  if (findChromium()) return null
  const fault = canAptInstall() ? await aptInstall(['chromium']).catch(String) : ''
  return findChromium() ? null : `Skipped the tests in a browser: Chromium is not installed. ${fault ?? ''}`
}
