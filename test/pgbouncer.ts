import { aptInstall, canAptInstall } from '../src/dev-services/apt-install.ts'
import { programs } from '../src/dev-services/binaries.ts'

const find = (): string | undefined => programs('pgbouncer', process.env)[0]

/** The path of the PgBouncer program, if it is installed. */
export const pgBouncer = find()

/** Installs PgBouncer if possible, otherwise prints that its tests are skipped. */
export const providePgBouncer = async (say: (line: string) => void): Promise<void> => {
  if (find()) return
  const fault = canAptInstall() ? await aptInstall(['pgbouncer']).catch(String) : ''
  if (!find()) say(`Skipped the tests through PgBouncer: pgbouncer is not installed. ${fault ?? ''}`)
}
