import { Redis } from 'ioredis'

/**
 * How many commands the nodes of a cluster have rejected since their start because the keys are in different slots.
 * `urls` is a comma-separated list.
 */
export const crossSlotErrors = async (urls: string): Promise<number> => {
  const counts = urls.split(',').map(async url => {
    const node = new Redis(url)
    node.on('error', () => {})
    const stats = await node.info('errorstats').finally(() => node.disconnect())
    return Number(/^errorstat_CROSSSLOT:count=(\d+)/m.exec(stats)?.[1] ?? 0)
  })
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}
