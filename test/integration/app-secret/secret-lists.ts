import { type LocalInstance, type LocalWorld, logTo, openInstance } from '../../local-world.ts'
import { testSecret } from '../../template.ts'

/** A secret that replaces `testSecret`. */
export const newSecret = 'of-tests-alone-Qe4Hn6Ws1Zt8Xk3Jm5Rv'

/** APP_SECRET at each step of a change. */
export const lists = {
  old: testSecret,
  oldThenNew: `${testSecret},${newSecret}`,
  newThenOld: `${newSecret},${testSecret}`,
  new: newSecret,
} as const

/** Another instance over the stores of a world, with this APP_SECRET. Closing it is up to the test. */
export const instanceWith = (world: LocalWorld, list: keyof typeof lists): Promise<LocalInstance> =>
  openInstance({
    env: { ...world.env, APP_SECRET: lists[list] },
    clock: world.clock,
    log: logTo(world.logs, 'debug'),
  })
