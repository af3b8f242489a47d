import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// The packages bring services that would start on their standard ports, now and at every boot. The policy file prevents
// the first (invoke-rc.d), `systemctl disable` the second. A shell runs all of it and logs to a file: if Node is killed,
// dpkg must not stop half-way, and the policy file must still be removed.
const script = `
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ] && [ ! -L $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy || exit 1
fi
apt="apt-get -q -y -o DPkg::Lock::Timeout=120"
$apt update && $apt install --no-install-recommends "$@" || exit 1
[ ! -d /run/systemd/system ] || for package; do systemctl disable -q "\${package}"; done
`

/** Whether this process is root on Debian, Ubuntu or a derivative. */
export const canAptInstall = (): boolean =>
  process.getuid?.() === 0 &&
  existsSync('/usr/bin/apt-get') &&
  existsSync('/etc/os-release') &&
  /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))

/** Installs Debian packages without starting their services. Throws an error with the last lines of apt-get. */
export const aptInstall = async (packages: string[]): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-apt-'))
  try {
    const log = await open(join(folder, 'log'), 'w+')
    const child = spawn('/bin/sh', ['-c', script, 'sh', ...packages], {
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    })
    const code = await new Promise<number | null>((resolve, reject) =>
      child.once('exit', resolve).once('error', reject),
    )
    await log.close()
    if (code === 0) return
    const lines = (await readFile(join(folder, 'log'), 'utf8')).trimEnd().split('\n')
    throw new Error(`apt-get install ${packages.join(' ')} failed:\n${lines.slice(-8).join('\n')}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
