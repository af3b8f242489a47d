import { execFile, spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const program = 'openssl'

/** Whether this machine can make certificates. */
export const makesCertificates = spawnSync(program, ['version']).status === 0

const openssl = (folder: string, ...args: string[]) => promisify(execFile)(program, args, { cwd: folder })

const newKey = (name: string) => ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`]

/** Makes an authority in a folder: `ca.crt` and `ca.key`. */
export const makeAuthority = async (folder: string): Promise<void> => {
  const subject = ['-subj', '/CN=An authority of a test', '-days', '2', '-out', 'ca.crt']
  await openssl(folder, 'req', '-x509', ...newKey('ca'), ...subject)
}

/** Makes a certificate by that authority, for a name such as `IP:127.0.0.1` alone: `<file>.crt` and `<file>.key`. */
export const makeCertificate = async (folder: string, file: string, name: string): Promise<void> => {
  await openssl(folder, 'req', ...newKey(file), '-subj', '/CN=Redis of a test', '-out', `${file}.csr`)
  await writeFile(join(folder, `${file}.ext`), `subjectAltName=${name}\n`)
  const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2']
  await openssl(
    folder,
    'x509',
    '-req',
    '-in',
    `${file}.csr`,
    ...by,
    '-extfile',
    `${file}.ext`,
    '-out',
    `${file}.crt`,
  )
}
